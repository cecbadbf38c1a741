package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// billType is the media type of a bill of materials in a registry, by which tools find it.
const billType = types.MediaType("application/vnd.cyclonedx+json")

// write makes the layout and the bills beside the programs, and returns the digest of the image, which is an index of one for each
// platform. The layout names it by its version; the bills are further manifests whose subject is the image of their platform.
func write(dir string, paths []string) (v1.Hash, error) {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return v1.Hash{}, fmt.Errorf("%s is there already", dir)
	}
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var bills []v1.Image
	var tag string
	for _, path := range paths {
		p, err := readProgram(path)
		if err != nil {
			return v1.Hash{}, err
		}
		if tag != "" && tag != p.tag() {
			return v1.Hash{}, fmt.Errorf("%s is of version %s, the one before of %s", path, p.tag(), tag)
		}
		tag = p.tag()
		made, attached, err := platform(p)
		if err != nil {
			return v1.Hash{}, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: made, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "linux", Architecture: p.setting("GOARCH")},
		}})
		bills = append(bills, attached)
	}
	folder, err := layout.Write(dir, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return v1.Hash{}, err
	}
	name := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})
	if err := folder.AppendIndex(index, name); err != nil {
		return v1.Hash{}, err
	}
	for _, b := range bills {
		if err := folder.AppendImage(b); err != nil {
			return v1.Hash{}, err
		}
	}
	return index.Digest()
}

// platform makes the image of one program, and its bill of materials, which it also writes beside the program.
func platform(p program) (made, attached v1.Image, err error) {
	if made, err = image(p); err != nil {
		return nil, nil, err
	}
	text, err := bill(p)
	if err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(p.path+".cdx.json", text, 0o644); err != nil {
		return nil, nil, err
	}
	attached, err = referrer(made, text)
	return made, attached, err
}

// referrer is a manifest that says of the image: this is its bill of materials.
func referrer(subject v1.Image, text []byte) (v1.Image, error) {
	descriptor, err := partial.Descriptor(subject)
	if err != nil {
		return nil, err
	}
	made, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), billType),
		mutate.Addendum{Layer: static.NewLayer(text, billType), MediaType: billType})
	if err != nil {
		return nil, err
	}
	withSubject, ok := mutate.Subject(made, v1.Descriptor{MediaType: descriptor.MediaType, Digest: descriptor.Digest, Size: descriptor.Size}).(v1.Image)
	if !ok {
		return nil, errors.New("a manifest with a subject is no image")
	}
	return withSubject, nil
}
