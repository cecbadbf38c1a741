package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/archive"
	"syncer/internal/registry"
)

var now = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)

func options(in string) archive.Options {
	return archive.Options{Source: "default", Zone: time.UTC, Now: now, Stdin: strings.NewReader(in)}
}

// read returns what an archive holds as text, a line each.
func read(t *testing.T, path string, opt archive.Options) []string {
	t.Helper()
	var list []string
	for o, err := range archive.Read(path, opt) {
		var bad *archive.LineError
		switch {
		case errors.As(err, &bad):
			list = append(list, "bad"+strings.TrimPrefix(bad.Error(), bad.File))
		case err != nil:
			list = append(list, "error: "+err.Error())
		default:
			list = append(list, show(o))
		}
	}
	return list
}

func show(o registry.Observation) string {
	s := fmt.Sprintf("%s %s %s %d", o.At.Format(time.RFC3339Nano), o.Repo.Key, o.Image.Name, o.Image.PullCount)
	switch {
	case o.Look != "":
		s = fmt.Sprintf("%s %s look %s", o.At.Format(time.RFC3339Nano), o.Repo.Key, o.Look)
	case o.Absent > 0:
		s = fmt.Sprintf("%s %s %s absent %d", o.At.Format(time.RFC3339Nano), o.Repo.Key, o.Image.Name, o.Absent)
	}
	for _, more := range []string{o.Repo.ProjectID, o.Image.LatestTag, o.Image.Created.Raw, o.Image.Updated.Raw} {
		if more != "" {
			s += " " + more
		}
	}
	return s
}

func TestForms(t *testing.T) {
	t.Parallel()
	const at = "2026-03-30T10:00:00Z"
	for name, tt := range map[string]struct {
		in   string
		want []string
	}{
		"nothing": {"", nil},
		"NDJSON": {
			`{"observed_at":"2026-03-30T10:00:00.25Z","source":"s","project_id":"org-1","repo":"web","image":"a/b","pull_count":12,"latest_tag":"v1","create_time":"5","update_time":6,"absent_at":"2026-03-30T09:00:00Z"}` + "\n\n" +
				`{ "pull_count" : "7" , "image":"\u00e4\/b", "repo":"web","observed_at":1774864800, "more":{"a":[1]} }` + "\r\n" +
				`{"observed_at":"2026-03-30 12:00:00+02","repo":"web","image":"c","pull_count":12.0,"latest_tag":null}`,
			[]string{
				"2026-03-30T10:00:00.25Z s/web a/b 12 org-1 v1 5 6",
				at + " default/web ä/b 7", at + " default/web c 12",
			},
		},
		"CSV in another order, with a byte order mark": {
			"\ufeffpull_count,image,Repo, observed_at,note,latest_tag\r\n5,\"a,b\",web,2026-03-30 10:00:00,x,v1\r\n6,b,web,1774864800000,,\r\n",
			[]string{at + " default/web a,b 5 v1", at + " default/web b 6"},
		},
		"timestamp, repository, pull_count": {
			"timestamp,repository,pull_count\n2026-03-30T10:00:00Z,web/team/api,5\n2026-03-30T10:00:00Z,uhub.service.ucloud.cn/web/api,6\n2026-03-30T10:00:00Z,996.icu/nfs/x,7\n2026-03-30T10:00:00Z,plain,7\n",
			[]string{at + " default/web team/api 5", at + " default/web api 6", at + " default/996.icu nfs/x 7", "bad:5: repo is missing"},
		},
		"bad lines": {
			"observed_at,repo,image,pull_count\n" +
				"yesterday,web,a,1\n2026-03-30T10:00:00Z,web,a,\n2026-03-30T10:00:00Z,web,a,-1\n2026-03-30T10:00:00Z,web,a,1.5\n" +
				"2026-03-30T10:00:00Z,web,a\n2026-03-30T10:00:00Z,,a,1\n2026-03-30T10:00:00Z,web,,1\n2026-05-30T10:00:00Z,web,a,1\n" +
				"1970-01-01T10:00:00Z,web,a,1\n2026-03-30T10:00:00Z,web,\xff,1\n2026-03-30T10:00:00Z,web,a,2000000000000000000\n2026-03-30T10:00:00Z,web,a,1\n",
			[]string{
				`bad:2: observed_at "yesterday" is not a time: write it as 2026-01-31T10:00:00+08:00`, "bad:3: pull_count is missing", "bad:4: pull_count -1 is not from 0 to 1000000000000000000",
				`bad:5: pull_count "1.5" is not a whole number`, "bad:6: 3 values, but the header names 4 columns", "bad:7: repo is missing", "bad:8: image is missing",
				`bad:9: observed_at "2026-05-30T10:00:00Z" is in the future`, `bad:10: observed_at "1970-01-01T10:00:00Z" is before the year 2000`,
				"bad:11: image is not Unicode text: save the file as UTF-8", "bad:12: pull_count 2000000000000000000 is not from 0 to 1000000000000000000", at + " default/web a 1",
			},
		},
		"bad JSON": {
			"{\"observed_at\":\"2026-03-30T10:00:00Z\",\"repo\":\"web\",\"image\":\"a\",\"pull_count\":{}}\n{\"a\n{}\n[1]\n",
			[]string{"bad:1: pull_count is neither text nor number", "bad:2: not a JSON object: unexpected end of JSON input", "bad:3: observed_at is missing", "bad:4: not a JSON object"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, read(t, archive.Stdin, options(tt.in))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, form := range []string{"gzip", "zstd"} {
				var packed bytes.Buffer
				w, err := archive.Compress(&packed, form)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(w, tt.in); err != nil || w.Close() != nil {
					t.Fatal(err)
				}
				opt := options("")
				opt.Stdin = &packed
				if diff := cmp.Diff(tt.want, read(t, archive.Stdin, opt)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", form, diff)
				}
			}
		})
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		".hidden":                             "x",
		"web/2026-03-30T10:00:00Z-page1.json": `{"RetCode":0,"Action":"GetRepoImageResponse","TotalCount":"2","ImageSet":[{"ImageName":"a","PullCount":"5","CreateTime":1571000000,"LatestTag":"v1"},{"ImageName":"b","repoName":"base","PullCount":6.0}]}`,
		"web/20260330T110000Z.json":           `{"RetCode":"0","ImageSet":{}}`,
		"web/1774864800.json":                 `{"RetCode":0,"ImageSet":[{"ImageName":"a"},null,3]}`,
		"web/2026-03-30T10:00:00Z-x.json":     `{"RetCode":172,"Message":"User Not Exists"}`,
		"web/undated.json":                    `{"RetCode":0,"ImageSet":[]}`,
		"web/team/api.csv":                    "date,count\n2026-03-29,3\n2026-03-30,4\n",
		"all.csv":                             "observed_at,repo,image,pull_count\n2026-03-30T10:00:00Z,web,z,1\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"2026-03-30T10:00:00Z default/web z 1",
		"bad: row 1: PullCount is missing", "bad: row 2: row has no name", "bad: row 3: row has no name",
		"2026-03-30T10:00:00Z default/web a 5 v1 1571000000", "2026-03-30T10:00:00Z default/base b 6",
		`bad: RetCode is 172, so the answer holds no images`,
		"2026-03-29T00:00:00Z default/web team/api 3", "2026-03-30T00:00:00Z default/web team/api 4",
		"bad: the file's name does not say when it was saved, as in 2026-03-30T10:00:00Z.json",
	}
	if diff := cmp.Diff(want, read(t, dir, options(""))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSavedAnswersAreReadAsLiveOnes reads counts in every form that a live answer may have, up to the one limit that all ways in share.
func TestSavedAnswersAreReadAsLiveOnes(t *testing.T) {
	t.Parallel()
	const largest = "1000000000000000000"
	for count, want := range map[string]string{
		`"12.0"`: "12", `" 12 "`: "12", `"1.2e1"`: "12", `1.2e1`: "12", largest: largest, `"` + largest + `"`: largest,
		`null`: "PullCount is missing", `1000000000000000001`: `PullCount is not a count: "1000000000000000001"`, `1152921504606846976`: `PullCount is not a count: "1152921504606846976"`,
		`12.5`: `PullCount is not a count: "12.5"`, `-1`: `PullCount is not a count: "-1"`, `{}`: `PullCount is not a count: ""`,
	} {
		dir := t.TempDir()
		body := `{"retcode":"0","TotalCount":1,"IMAGESET":[{"imagename":"a","LatestTag":{},"PullCount":` + count + `}]}`
		if err := os.WriteFile(filepath.Join(dir, "2026-03-30T10:00:00Z.json"), []byte("\ufeff"+body), 0o600); err != nil {
			t.Fatal(err)
		}
		opt := options("")
		opt.Repo = "web"
		line := "2026-03-30T10:00:00Z default/web a " + want
		if strings.HasPrefix(want, "PullCount") {
			line = "bad: row 1: " + want
		}
		if diff := cmp.Diff([]string{line}, read(t, dir, opt)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", count, diff)
		}
	}
	got := read(t, archive.Stdin, options(`{"observed_at":"2026-03-30T10:00:00Z","repo":"web","image":"a","pull_count":`+largest+`}`))
	if diff := cmp.Diff([]string{"2026-03-30T10:00:00Z default/web a " + largest}, got); diff != "" {
		t.Errorf("what live answers may hold comes back from an export (-want +got):\n%s", diff)
	}
}

func TestOneImageByOptions(t *testing.T) {
	t.Parallel()
	opt := options("date,count\n2026-03-30,4\n")
	opt.Repo, opt.Image = "web", "nginx"
	if diff := cmp.Diff([]string{"2026-03-30T00:00:00Z default/web nginx 4"}, read(t, archive.Stdin, opt)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadingStops(t *testing.T) {
	t.Parallel()
	n := 0
	for range archive.Read(archive.Stdin, options("timestamp,repository,pull_count\n2026-03-30,a/b,1\n2026-03-30,a/b,x\n2026-03-30,a/b,1\n")) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d were yielded after the receiver stopped", n)
	}
	for _, err := range archive.Read(filepath.Join(t.TempDir(), "none"), options("")) {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a file that is not there: %v", err)
		}
	}
}

// Whatever stands in a file, reading it ends, and what it yields can be stored.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"observed_at,repo,image,pull_count\n2026-03-30,a,b,1\n", "date,count\n2026-03-30,1\n", "\"", "{\"a\":",
		`{"observed_at":"2026-03-30T10:00:00Z","repo":"web","image":"a","pull_count":1}`, "\x1f\x8b\x08\x00", "\x28\xb5\x2f\xfd\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		opt := options(string(in))
		for o, err := range archive.Read(archive.Stdin, opt) {
			if err != nil {
				continue
			}
			if o.Repo.Key.Name == "" || o.Image.Name == "" || o.At.Year() < 2000 || o.Image.PullCount < 0 || strings.ContainsRune(o.Image.Name, 0) {
				t.Fatalf("%+v", o)
			}
		}
	})
}
