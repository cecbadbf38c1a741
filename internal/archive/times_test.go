package archive_test

import (
	"strings"
	"testing"
	"time"

	"syncer/internal/archive"
)

// local runs a test under another zone of the machine, which must not matter.
func local(t *testing.T, name string) {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Local
	time.Local = zone
	t.Cleanup(func() { time.Local = old })
}

func TestTimes(t *testing.T) { //nolint:paralleltest // time.Local is the program's
	for _, zone := range []string{"UTC", "Asia/Shanghai", "America/Chicago"} {
		local(t, zone)
		for text, want := range map[string]string{
			"2026-01-02T10:00:00Z":           "2026-01-02T10:00:00Z",
			"2026-01-02t10:00:00z":           "",
			"2026-01-02 10:00:00":            "2026-01-02T10:00:00Z",
			"2026-01-02 10:00:00 UTC":        "2026-01-02T10:00:00Z",
			"2026-01-02 10:00:00 gmt":        "2026-01-02T10:00:00Z",
			"2026-01-02 10:00:00Z":           "2026-01-02T10:00:00Z",
			"2026-01-02 10:00:00 +0800":      "2026-01-02T02:00:00Z",
			"2026-01-02 10:00:00+0800":       "2026-01-02T02:00:00Z",
			"2026-01-02T10:00:00+0800":       "2026-01-02T02:00:00Z",
			"2026-01-02T10:00:00+08":         "2026-01-02T02:00:00Z",
			"2026-01-02 10:00:00.5+08:00":    "2026-01-02T02:00:00.5Z",
			"2026-01-02 10:00 -05":           "2026-01-02T15:00:00Z",
			"2026/01/02 10:00:00 -0530":      "2026-01-02T15:30:00Z",
			"2026/1/2 9:05":                  "2026-01-02T09:05:00Z",
			"20260102T100000+0800":           "2026-01-02T02:00:00Z",
			"20260102100000":                 "2026-01-02T10:00:00Z",
			"202601021000":                   "2026-01-02T10:00:00Z",
			"2026-01-02+08:00":               "2026-01-01T16:00:00Z",
			"1767348000":                     "2026-01-02T10:00:00Z",
			"1767348000.5":                   "2026-01-02T10:00:00.5Z",
			"1767348000000":                  "2026-01-02T10:00:00Z",
			"Fri, 02 Jan 2026 10:00:00 GMT":  "2026-01-02T10:00:00Z",
			"Fri, 2 Jan 2026 10:00:00 +0800": "2026-01-02T02:00:00Z",
			"2026-01-02 10:00:00 CST":        "", // China's, America's or Cuba's
			"2026-01-02 10:00:00 PST":        "",
			"2026-01-02T10:00:00EST":         "",
			"2026-01-02 10:00:00 +0800 CST":  "",
			"Fri, 02 Jan 2026 10:00:00 MSK":  "",
			"2026-01-02 10:00:00 AM":         "",
			"2026-01-02 10:00:00 UTC+8":      "",
			"2026-01-02 10:00:00 +99:00":     "",
			"2026-13-02":                     "",
			"01/02/2026":                     "",
			"02.01.2026":                     "",
			"0":                              "",
			"46000":                          "", // a day of Excel's
		} {
			got := read(t, archive.Stdin, options("time,repo,image,count\n\""+text+"\",web,a,1\n"))
			if want == "" && (len(got) != 1 || !strings.HasPrefix(got[0], "bad:2: observed_at ")) || want != "" && got[0] != want+" default/web a 1" {
				t.Errorf("%s under %s is %q, want %q", text, zone, got, want)
			}
		}
	}
	if got, want := read(t, archive.Stdin, options("time,repo,image,count\n2026-01-02 10:00:00 CST,web,a,1\n"))[0],
		`bad:2: observed_at "2026-01-02 10:00:00 CST" names its zone by the letters CST, which mean different zones in different places: write an offset, such as +08:00`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestNamesOfSavedAnswers(t *testing.T) { //nolint:paralleltest // time.Local is the program's
	local(t, "Asia/Shanghai")
	for name, want := range map[string]string{
		"2026-01-04T10:00:00+08:00":           "2026-01-04T02:00:00Z",
		"2026-01-04T10:00:00+0800-page2":      "2026-01-04T02:00:00Z",
		"2026-01-04T10:00:00+08":              "2026-01-04T02:00:00Z",
		"2026-01-04T10-00-00+08-00":           "2026-01-04T02:00:00Z",
		"2026-01-04 10:00:00 +0800":           "2026-01-04T02:00:00Z",
		"2026-01-04T10:00:00-05:00":           "2026-01-04T15:00:00Z",
		"2026-01-04T10:00-05:00":              "2026-01-04T15:00:00Z",
		"20260104T100000-0500":                "2026-01-04T15:00:00Z",
		"2026-01-04T10:00:00.250Z":            "2026-01-04T10:00:00.25Z",
		"2026-01-04T10:00:00Z-page1":          "2026-01-04T10:00:00Z",
		"2026-01-04T10:00:00Z-05":             "2026-01-04T10:00:00Z",
		"2026-01-04_10-00-00":                 "2026-01-04T10:00:00Z",
		"2026-01-04_10.00":                    "2026-01-04T10:00:00Z",
		"2026-01-04-10h00m05s":                "2026-01-04T10:00:05Z",
		"web-20260104-1000":                   "2026-01-04T10:00:00Z",
		"20260104T100000Z-page2":              "2026-01-04T10:00:00Z",
		"20260104100000":                      "2026-01-04T10:00:00Z",
		"web_202601041000_page2":              "2026-01-04T10:00:00Z",
		"2026-01-04":                          "2026-01-04T00:00:00Z",
		"20260104":                            "2026-01-04T00:00:00Z",
		"web-2026-01-04-page2":                "2026-01-04T00:00:00Z",
		"2026_01_04":                          "2026-01-04T00:00:00Z",
		"2026-01-04-2":                        "2026-01-04T00:00:00Z",
		"1767520800":                          "2026-01-04T10:00:00Z",
		"web-1767520800000-2":                 "2026-01-04T10:00:00Z",
		"job-1700000000-2026-01-20T10:00:00Z": "2026-01-20T10:00:00Z",
		"2026-01-20T10:00:00Z-1700000000":     "2026-01-20T10:00:00Z",
		"20260119-2026-01-20T10:00:00Z":       "2026-01-20T10:00:00Z",

		"2026-01-04T10:00:00CST":                    "",
		"2026-01-04 10:00:00 CST":                   "",
		"2026-01-04T100000_EST":                     "",
		"2026-01-04T10:00:00 GMT+8":                 "",
		"2026-01-04T10:00:00-05":                    "", // an offset or a page
		"2026-01-04T10:00:00-0042":                  "",
		"2026-01-04-10":                             "", // an hour or a page
		"2026-01-04T10":                             "",
		"2026-01-04T10:00:00Z-2026-01-05T10:00:00Z": "",
		"2026-01-04-1767520800":                     "",
		"1767520800-1767520801":                     "",
		"undated":                                   "",
		"build-12345678":                            "",
	} {
		got := withoutFile(readFile(t, "web/"+name+".json", `{"RetCode":0,"ImageSet":[{"ImageName":"a","PullCount":1}]}`, options("")), "web/"+name+".json")
		if want == "" && (len(got) != 1 || !strings.HasPrefix(got[0], "bad: the file's name ")) || want != "" && got[0] != want+" default/web a 1" {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
