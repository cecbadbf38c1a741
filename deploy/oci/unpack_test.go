package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// descriptor and manifest are as much of OCI's documents as it takes to unpack an image by hand.
type descriptor struct {
	MediaType    string
	Digest       string
	Size         int64
	ArtifactType string
	Annotations  map[string]string
	Platform     struct{ OS, Architecture string }
}

type manifest struct {
	Manifests []descriptor
	Config    descriptor
	Layers    []descriptor
	Subject   descriptor
}

// blob reads what a descriptor names, and computes its digest.
func blob(t *testing.T, d descriptor) []byte {
	t.Helper()
	algorithm, name, _ := strings.Cut(d.Digest, ":")
	content, err := os.ReadFile(filepath.Join(made.dir, "oci", "blobs", algorithm, name))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != name || int64(len(content)) != d.Size {
		t.Fatalf("%s: %x, %d bytes", d.Digest, sum, len(content))
	}
	return content
}

func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// top are the image, which the layout names, and the bills beside it.
func top(t *testing.T) (image manifest, name string, bills []descriptor) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(made.dir, "oci", "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range decode[manifest](t, text).Manifests {
		if n := d.Annotations["org.opencontainers.image.ref.name"]; n != "" {
			if name != "" || d.Digest != made.printed {
				t.Errorf("image %s %s, but make oci printed %s", n, d.Digest, made.printed)
			}
			image, name = decode[manifest](t, blob(t, d)), n
			continue
		}
		bills = append(bills, d)
	}
	return image, name, bills
}

// unpack returns the files of an image and the folder they were put into.
func unpack(t *testing.T, m manifest) (root string, headers map[string]*tar.Header) {
	t.Helper()
	root, headers = t.TempDir(), map[string]*tar.Header{}
	for path := root; len(path) > len(os.TempDir()); path = filepath.Dir(path) {
		os.Chmod(path, 0o755) // for nobody
	}
	for _, l := range m.Layers {
		unzipped, err := gzip.NewReader(strings.NewReader(string(blob(t, l))))
		if err != nil {
			t.Fatal(err)
		}
		for archive := tar.NewReader(unzipped); ; {
			h, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			headers[h.Name] = h
			path := filepath.Join(root, h.Name)
			if h.Typeflag == tar.TypeDir {
				err = os.Mkdir(path, h.FileInfo().Mode().Perm())
			} else {
				var content []byte
				if content, err = io.ReadAll(archive); err == nil {
					err = os.WriteFile(path, content, h.FileInfo().Mode().Perm())
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return root, headers
}

func TestImageByHand(t *testing.T) {
	t.Parallel()
	index, name, _ := top(t)
	if !regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`).MatchString(name) {
		t.Errorf("%q is no tag", name)
	}
	var platforms []string
	for _, d := range index.Manifests {
		platform := d.Platform.OS + "-" + d.Platform.Architecture
		platforms = append(platforms, platform)
		m := decode[manifest](t, blob(t, d))
		root, headers := unpack(t, m)
		var names []string
		for name, h := range headers {
			names = append(names, name)
			if h.Uid != 0 || h.Gid != 0 || h.Mode&0o022 != 0 || h.Mode&0o044 != 0o044 {
				t.Errorf("%s: of %d:%d, mode %o", name, h.Uid, h.Gid, h.Mode)
			}
		}
		slices.Sort(names)
		if diff := cmp.Diff([]string{"etc/", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt", "syncer"}, names); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		program, err1 := os.ReadFile(filepath.Join(root, "syncer"))
		want, err2 := os.ReadFile(filepath.Join(made.dir, "syncer-"+platform))
		if err := errors.Join(err1, err2); err != nil || string(program) != string(want) {
			t.Errorf("%s: not the program of dist/ (%v)", platform, err)
		}
		text, err := os.ReadFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))
		if err != nil || !x509.NewCertPool().AppendCertsFromPEM(text) || strings.Count(string(text), "BEGIN CERTIFICATE") < 100 {
			t.Errorf("%s: %d bytes of certificate authorities, %v", platform, len(text), err)
		}
		if d.Platform.Architecture == runtime.GOARCH {
			runs(t, root)
		}
	}
	if diff := cmp.Diff([]string{"linux-amd64", "linux-arm64"}, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}

// runs starts the program with the image as its whole world, in which it may write nothing, as the image's user.
func runs(t *testing.T, root string) {
	t.Helper()
	cmd := exec.Command("/syncer", "version")
	cmd.Env = []string{}
	if os.Geteuid() == 0 {
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	} else {
		cmd.Path = filepath.Join(root, "syncer")
	}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "syncer ") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestBills holds what each bill lists against what the go command says of the program, and that it hangs on its image.
func TestBills(t *testing.T) {
	t.Parallel()
	index, _, bills := top(t)
	if len(bills) != len(index.Manifests) {
		t.Fatalf("%d bills of %d images", len(bills), len(index.Manifests))
	}
	for i, d := range bills {
		m := decode[manifest](t, blob(t, d))
		if d.ArtifactType != string(billType) || m.Subject.Digest != index.Manifests[i].Digest || len(m.Layers) != 1 {
			t.Fatalf("bill %+v of %s, want it of %s", d, m.Subject.Digest, index.Manifests[i].Digest)
		}
		path := filepath.Join(made.dir, "syncer-linux-"+index.Manifests[i].Platform.Architecture)
		text := blob(t, m.Layers[0])
		if beside, err := os.ReadFile(path + ".cdx.json"); err != nil || string(beside) != string(text) {
			t.Errorf("%s: the bill beside it is another (%v)", path, err)
		}
		said, err := exec.Command("go", "version", "-m", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		want, got := []string{"std"}, []string{}
		for line := range strings.Lines(string(said)) {
			if f := strings.Fields(line); f[0] == "dep" {
				want = append(want, f[1]+" "+f[2])
			}
		}
		for _, c := range decode[struct {
			Components []struct{ Name, Version string }
		}](t, text).Components {
			if c.Name == "std" {
				c.Version = ""
			}
			got = append(got, strings.TrimSpace(c.Name+" "+c.Version))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 20 {
			t.Errorf("%s: modules (-program +bill):\n%s", path, diff)
		}
	}
}

// TestLikeDockerfile holds the configuration against deploy/Dockerfile's last stage.
func TestLikeDockerfile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, stage, _ := strings.Cut(strings.ReplaceAll(string(text), "\\\n", ""), "AS syncer\n")
	want := map[string]string{}
	for line := range strings.Lines(stage) {
		if word, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok && word != "#" && word != "COPY" {
			want[word] = rest
		}
	}
	index, _, _ := top(t)
	for _, d := range index.Manifests {
		c := decode[struct {
			Architecture, OS string
			Config           struct {
				User            string
				ExposedPorts    map[string]struct{}
				Entrypoint, Cmd []string
				Labels          map[string]string
				Healthcheck     struct {
					Test                           []string
					Interval, Timeout, StartPeriod int64
					Retries                        int
				}
			}
		}](t, blob(t, decode[manifest](t, blob(t, d)).Config))
		if c.OS != "linux" || c.Architecture != d.Platform.Architecture {
			t.Errorf("%s: for %s/%s", d.Digest, c.OS, c.Architecture)
		}
		got := map[string]string{"USER": c.Config.User, "ENTRYPOINT": list(t, c.Config.Entrypoint), "CMD": list(t, c.Config.Cmd)}
		for port := range c.Config.ExposedPorts {
			got["EXPOSE"] = strings.TrimSuffix(port, "/tcp")
		}
		h := c.Config.Healthcheck
		got["HEALTHCHECK"] = "--interval=" + seconds(h.Interval) + " --timeout=" + seconds(h.Timeout) + " --start-period=" + seconds(h.StartPeriod) +
			" --retries=" + string(rune('0'+h.Retries)) + " CMD " + list(t, h.Test[1:])
		for label, value := range c.Config.Labels {
			if said := label + `="` + value + `"`; strings.Contains(want["LABEL"], said) {
				want["LABEL"] = strings.TrimSpace(strings.Replace(want["LABEL"], said, "", 1))
			} else if label != "org.opencontainers.image.version" && label != "org.opencontainers.image.revision" { // make image gives those
				t.Errorf("%s is no label of the Dockerfile", said)
			}
		}
		got["LABEL"] = ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-Dockerfile +image):\n%s", diff)
		}
		for _, label := range regexp.MustCompile(`LABEL[^\n]*`).FindAllString(stage, -1) {
			want["LABEL"] = strings.TrimPrefix(label, "LABEL ")
		}
	}
}

// list writes words as a Dockerfile does.
func list(t *testing.T, words []string) string {
	t.Helper()
	text, err := json.Marshal(words)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), `","`, `", "`)
}

func seconds(ns int64) string {
	if s := ns / 1e9; s%60 == 0 {
		return string(rune('0'+s/60)) + "m"
	} else {
		return string(rune('0'+s/10)) + "0s"
	}
}
