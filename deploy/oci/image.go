package main

import (
	"archive/tar"
	"bytes"
	"io"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// config is what deploy/Dockerfile says of the image; a test compares them.
func config(p program) v1.Config {
	labels := map[string]string{
		"org.opencontainers.image.title":       "syncer",
		"org.opencontainers.image.description": "Keeps the images of container registries, and how often each is pulled, in PostgreSQL",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     p.info.Main.Version,
	}
	if revision := p.setting("vcs.revision"); revision != "" {
		labels["org.opencontainers.image.revision"] = revision
	}
	return v1.Config{
		User:         "65532:65532",
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Entrypoint:   []string{"/syncer"},
		Cmd:          []string{"run"},
		Labels:       labels,
		Healthcheck: &v1.HealthConfig{
			Test:     []string{"CMD", "/syncer", "status", "--output", "json"},
			Interval: time.Minute, Timeout: 30 * time.Second, StartPeriod: time.Minute, Retries: 3,
		},
	}
}

// image puts the program and the certificate authorities on nothing.
func image(p program) (v1.Image, error) {
	authorities, err := roots()
	if err != nil {
		return nil, err
	}
	created := p.committed()
	var layers []mutate.Addendum
	for _, file := range []struct {
		name    string
		content []byte
		mode    int64
	}{
		{"etc/ssl/certs/ca-certificates.crt", authorities, 0o644},
		{"syncer", p.content, 0o755},
	} {
		l, err := layer(file.name, file.content, file.mode, created)
		if err != nil {
			return nil, err
		}
		layers = append(layers, mutate.Addendum{Layer: l, History: v1.History{Created: v1.Time{Time: created}, CreatedBy: "COPY /" + file.name}})
	}
	made, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layers...)
	if err != nil {
		return nil, err
	}
	file, err := made.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", p.setting("GOARCH")
	file.Created = v1.Time{Time: created}
	file.Config = config(p)
	return mutate.ConfigFile(made, file)
}

// layer is an archive of one file and the folders above it, which belong to root.
func layer(name string, content []byte, mode int64, at time.Time) (v1.Layer, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for i, c := range name {
		if c != '/' {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name[:i+1], Mode: 0o755, ModTime: at, Format: tar.FormatUSTAR}); err != nil {
			return nil, err
		}
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: path.Clean(name), Mode: mode, Size: int64(len(content)), ModTime: at, Format: tar.FormatUSTAR}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	text := archive.String()
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}
