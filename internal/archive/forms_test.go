package archive_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/archive"
)

// readFile reads text as a file of a folder, with the given options but for the name.
func readFile(t *testing.T, name, text string, opt archive.Options) []string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	list := read(t, dir, opt)
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], dir+"/", "")
	}
	return list
}

// What people have, and what it comes to: observations, or a plain no.
func TestCSVOfOthers(t *testing.T) {
	t.Parallel()
	const day = "2026-01-02T00:00:00Z default/web "
	two := []string{day + "a 5", day + "b 6"}
	nginx := []string{day + "nginx 5", "2026-01-03T00:00:00Z default/web nginx 6"}
	for name, tt := range map[string]struct {
		in   string
		want []string
	}{
		// A header that names an image is never that of a file of one image.
		"image":                 {"date,image,count\n2026-01-02,a,5\n2026-01-02,b,6\n", two},
		"name":                  {"date,name,count\n2026-01-02,a,5\n2026-01-02,b,6\n", two},
		"repo and image":        {"date,repo,image,count\n2026-01-02,web,a,5\n2026-01-02,web,b,6\n", two},
		"repository and image":  {"date,repository,image,count\n2026-01-02,web,a,5\n2026-01-02,web,b,6\n", two},
		"repository alone":      {"date,repository,downloads\n2026-01-02,web/a,5\n2026-01-02,reg:5000/web/b,6\n", two},
		"names of the API":      {"Timestamp,RepoName,ImageName,PullCount\n2026-01-02,web,a,5\n2026-01-02,web,b,6\n", two},
		"names with blanks":     {"Date, Repo Name, Image Name, Pull Count\n2026-01-02, web, a, 5\n2026-01-02, web , \" b\" ,6\n", two},
		"upper case and dashes": {"OBSERVED-AT,REPO,IMAGE,PULL-COUNT\n2026-01-02,web,a,5\n2026-01-02,web,b,6\n", two},
		"repo without image":    {"date,repo,count\n2026-01-02,web,5\n2026-01-02,web,6\n", []string{"error: web/nginx.csv:1: no column names the image beside \"repo\": name it with --image, or call the column repository if it holds REPO/IMAGE"}},
		"tag":                   {"date,tag,count\n2026-01-02,v1,5\n", []string{`error: web/nginx.csv:1: column "tag": the registry counts the pulls of an image, not of its tags. Leave the column out, or call it latest_tag if it holds the image's latest tag`}},
		"image and tag":         {"date,image,Tags,count\n2026-01-02,a,v1,5\n", []string{`error: web/nginx.csv:1: column "Tags": the registry counts the pulls of an image, not of its tags. Leave the column out, or call it latest_tag if it holds the image's latest tag`}},
		"a name in other words": {"date,artifact,count\n2026-01-02,a,5\n2026-01-02,b,6\n", []string{
			`bad:2: "a" stands in a column that is not known, and might name the image: call that column image, or leave it out`,
			`bad:3: "b" stands in a column that is not known, and might name the image: call that column image, or leave it out`,
		}},
		"two counts":         {"date,pulls,pull_count\n2026-01-02,1,5\n", []string{`error: web/nginx.csv:1: columns "pulls" and "pull_count" both mean pull_count: leave one of them out`}},
		"two times":          {"date,time,count\n2026-01-02,10:00,5\n", []string{`error: web/nginx.csv:1: columns "date" and "time" both mean observed_at: leave one of them out`}},
		"two names":          {"date,image,name,count\n2026-01-02,a,b,5\n", []string{`error: web/nginx.csv:1: columns "image" and "name" both mean image: leave one of them out`}},
		"two repos":          {"date,repo,repository,count\n2026-01-02,a,b,5\n", []string{`error: web/nginx.csv:1: columns "repo" and "repository" both name the repo: leave one of them out`}},
		"an empty name":      {"date,image,count\n2026-01-02,,5\n2026-01-02, ,5\n", []string{"bad:2: image is missing", "bad:3: image is missing"}},
		"an empty repo":      {"date,repo,image,count\n2026-01-02,,a,5\n", []string{"bad:2: repo is missing"}},
		"count alone":        {"count\n5\n", nil},
		"numbers":            {"2026-01-02,5\n2026-01-03,6\n", nil},
		"separated by bars":  {"date|count\n2026-01-02|5\n", nil},
		"empty rows":         {"date,count\n,\n2026-01-02,5\n\n,,,\n2026-01-03,6\n", nginx},
		"slashes":            {"date,count\n2026/01/02,5\n2026/1/3,6\n", nginx},
		"compact":            {"day,count\n20260102,5\n20260103000000,6\n", nginx},
		"delta":              {"Date,Count,Delta\n2026-01-02,5,\n2026-01-03,6,1\n", nginx},
		"an index of pandas": {",date,count,diff\n0,2026-01-02,5.0,NaN\n1,2026-01-03,6.0,1.0\n", nginx},
		"a note":             {"date,count,note\n2026-01-02,5,new year\n2026-01-03,6,\n", nginx},
		"floats":             {"date,count\n2026-01-02,5.0\n2026-01-03,6.0000\n", nginx},
		"empty columns":      {"date,count,,\n2026-01-02,5,,\n2026-01-03,6\n", nginx},
		"empty values":       {"date,count\n2026-01-02,5,,\n2026-01-03,6,\n", nginx},
		"semicolons":         {"date;count\r\n2026-01-02;5\r\n2026-01-03;6\r\n", nginx},
		"tabs":               {"date\tcount\n2026-01-02\t5\n2026-01-03\t6\n", nginx},
		"a hint for Excel":   {"\ufeffsep=;\r\ndate;count\r\n2026-01-02;5\r\n2026-01-03;6\r\n", nginx},
		"quotes":             {"\"date\",\"count\"\n\"2026-01-02\",\"5\"\n \"2026-01-03\" , \"6\" \n", nginx},
		"thousands": {"date,count\n2026-01-02,\"1,234\"\n2026-01-02,1,234\n2026-01-02,1.000\n2026-01-02,1.234.567\n2026-01-02,1'000\n2026-01-02,1 000\n2026-01-02,1.5\n2026-01-02,1e3\n", []string{
			`bad:2: pull_count "1,234" is not a whole number: write it without separators`, `bad:3: value "234" stands beyond the columns that the header names`,
			`bad:4: pull_count "1.000" is not a whole number: write it without separators`, `bad:5: pull_count "1.234.567" is not a whole number: write it without separators`,
			`bad:6: pull_count "1'000" is not a whole number: write it without separators`, `bad:7: pull_count "1 000" is not a whole number: write it without separators`,
			`bad:8: pull_count "1.5" is not a whole number`, `bad:9: pull_count "1e3" is not a whole number`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := readFile(t, "web/nginx.csv", tt.in, options(""))
			if tt.want == nil {
				if len(got) != 1 || !strings.HasPrefix(got[0], "error: web/nginx.csv:1: the first line is not a header that is understood: a header needs a time (observed_at,") {
					t.Errorf("%q", got)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An image is named by the lines, the options or the file's place; where none does, that is told once and not for each line.
func TestUnnamedImages(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"date,count":       "error: standard input:1: no column names the image: name it with --repo and --image, or by the file's place, as in FOLDER/REPO/IMAGE.csv",
		"date,image,count": `error: standard input:1: no column names the repo of "image": name it with --repo, or call the column repository if it holds REPO/IMAGE`,
	} {
		if diff := cmp.Diff([]string{want}, read(t, archive.Stdin, options(header+"\n2026-01-02,5,6\n"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	opt := options("date,image,count\n2026-01-02,a,5\n")
	opt.Repo, opt.Image = "web", "nginx"
	if diff := cmp.Diff([]string{"2026-01-02T00:00:00Z default/web a 5"}, read(t, archive.Stdin, opt)); diff != "" {
		t.Errorf("a named image gave way to --image (-want +got):\n%s", diff)
	}
}

// What a file is is told by what stands in it.
func TestFormsByContent(t *testing.T) {
	t.Parallel()
	const (
		ndjson = `{"observed_at":"2026-01-02T00:00:00.000000Z","source":"default","repo":"web","image":"a","pull_count":5}` + "\n"
		csv    = "observed_at,source,project_id,repo,image,pull_count\n2026-01-02T00:00:00.000000Z,default,\"\",web,a,5\n"
		answer = "{\n \"Action\": \"GetRepoImageResponse\",\n \"ImageSet\": [{\"ImageName\":\"a\",\"PullCount\":5}],\n \"RetCode\": 0\n}\n"
	)
	want := []string{"2026-01-02T00:00:00Z default/web a 5"}
	for _, name := range []string{"export.json", "export.ndjson", "export.jsonl", "export.csv", "export.tsv", "export", "export.txt", "2026-01-08.json"} {
		for _, text := range []string{ndjson, csv, " \n" + ndjson, "\ufeff" + csv, strings.ReplaceAll(csv, ",", "\t")} {
			if diff := cmp.Diff(want, readFile(t, "web/"+name, text, options(""))); diff != "" {
				t.Errorf("%s with %q (-want +got):\n%s", name, text, diff)
			}
		}
	}
	for _, name := range []string{"web/2026-01-02.json", "web/20260102000000.json", "web/2026-01-02T00:00:00Z", "web/2026-01-02.body", "web/2026-01-02.txt"} {
		if diff := cmp.Diff(want, readFile(t, name, answer, options(""))); diff != "" {
			t.Errorf("%s with an answer (-want +got):\n%s", name, diff)
		}
	}
	for text, want := range map[string]string{
		"\xff\xfed\x00a\x00t\x00e\x00": "error: read web/x: this is UTF-16 text: save it as UTF-8",
		"\xfe\xff\x00d\x00a":           "error: read web/x: this is UTF-16 text: save it as UTF-8",
		"d\x00a\x00t\x00e\x00":         "error: read web/x: this is UTF-16 text, or none: save it as UTF-8",
		"PK\x03\x04\x14\x00":           "error: read web/x: this is a ZIP or Excel file: unpack it, or save the sheet as CSV",
		"BZh91AY":                      "error: read web/x: this is compressed with bzip2: unpack it, or hand it over as standard input",
		"\n[" + ndjson + "]":           "error: read web/x: this is a JSON list: write an object a line, as jq -c '.[]' does",
	} {
		if diff := cmp.Diff([]string{want}, readFile(t, "web/x", text, options(""))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	page := withoutFile(readFile(t, "web/2026-01-02.json", "<html>", options("")), "web/2026-01-02.json")
	if len(page) != 1 || !strings.HasPrefix(page[0], "bad: not an answer of GetRepoImage: ") {
		t.Errorf("a page in place of an answer: %q", page)
	}
}

func withoutFile(list []string, file string) []string {
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], file, "")
	}
	return list
}

// Absences and looks are lines of their own.
func TestAbsencesAndLooks(t *testing.T) {
	t.Parallel()
	const at = "2026-01-02T10:00:00Z"
	want := []string{
		at + " default/web a 5", at + " default/web a absent 2", at + " default/web b absent 4", at + " default/web look complete", at + " default/web look held",
		"bad:7: the image cannot be absent and have a pull_count", `bad:8: absent "3" is not 1, 2 or 4`, `bad:9: look "gone" is not complete, drifting or held`,
		"bad:10: look is of a repo, so the line names no image", "bad:11: a line with look has no pull_count and no absent", "bad:12: pull_count is missing", "bad:13: image is missing",
	}
	csv := "observed_at,source,project_id,repo,image,pull_count,latest_tag,create_time,update_time,absent,look\n"
	ndjson := "\n"
	for _, line := range [][5]string{
		{"web", "a", "5", "0"}, {"web", "a", "", "2"}, {"web", "b", "", "4"}, {"web", "", "", "", "complete"}, {"web", "", "", "", "held"},
		{"web", "a", "5", "2"}, {"web", "a", "", "3"}, {"web", "", "", "", "gone"},
		{"web", "a", "", "", "complete"}, {"web", "", "5", "", "complete"}, {"web", "a", "", ""}, {"web", "", "5", ""},
	} {
		csv += at + ",default,," + strings.Join(line[:3], ",") + ",,,," + line[3] + "," + line[4] + "\n"
		ndjson += `{"observed_at":"` + at + `"`
		for i, key := range []string{"repo", "image", "pull_count", "absent", "look"} {
			if quote := `"`; line[i] != "" {
				if i == 2 || i == 3 {
					quote = ""
				}
				ndjson += `,"` + key + `":` + quote + line[i] + quote
			}
		}
		ndjson += "}\n"
	}
	for _, in := range []string{csv, ndjson} {
		if diff := cmp.Diff(want, read(t, archive.Stdin, options(in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
	opt := options(`{"observed_at":"` + at + `","repo":"web","look":"drifting"}`)
	opt.Image = "nginx"
	if diff := cmp.Diff([]string{at + " default/web look drifting"}, read(t, archive.Stdin, opt)); diff != "" {
		t.Errorf("with --image (-want +got):\n%s", diff)
	}
}

// What is empty was not recorded, in whatever way a file leaves it empty.
func TestUnknownTags(t *testing.T) {
	t.Parallel()
	want := []string{"2026-01-02T00:00:00Z default/web a 5"}
	for _, in := range []string{
		"date,repo,image,count\n2026-01-02,web,a,5\n",
		"date,repo,image,count,latest_tag\n2026-01-02,web,a,5,\n",
		"date,repo,image,count,latest_tag\n2026-01-02,web,a,5,\" \"\n",
		`{"observed_at":"2026-01-02","repo":"web","image":"a","pull_count":5}`,
		`{"observed_at":"2026-01-02","repo":"web","image":"a","pull_count":5,"latest_tag":null,"create_time":null}`,
		`{"observed_at":"2026-01-02","repo":"web","image":"a","pull_count":5,"latest_tag":"","create_time":""}`,
		`{"observed_at":"2026-01-02","repo":" web ","image":" a","pull_count":5,"latest_tag":" "}`,
	} {
		if diff := cmp.Diff(want, read(t, archive.Stdin, options(in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}
