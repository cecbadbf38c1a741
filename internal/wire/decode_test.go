package wire

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/registry"
)

var testDecoder = Decoder{Zone: time.FixedZone("", 8*60*60)}

// decodeRow decodes an answer with one row.
func decodeRow(t *testing.T, row string) (registry.Page, error) {
	t.Helper()
	a, err := testDecoder.Decode([]byte(`{"RetCode":0,"TotalCount":1,"ImageSet":[`+row+`]}`), "GetRepoImage")
	return a.Page, err
}

func TestDecodeExamples(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"english", "chinese"} {
		body, err := os.ReadFile("testdata/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		a, err := testDecoder.Decode(body, "GetRepoImage")
		if err != nil {
			t.Fatal(err)
		}
		if a.Page.Total != 5 || len(a.Page.Rows) != 9 || len(a.Page.Rejected) != 0 {
			t.Errorf("%s: total %d, %d rows, rejected %v", file, a.Page.Total, len(a.Page.Rows), a.Page.Rejected)
		}
		want := registry.Image{
			Name: "HUTQywVu", PullCount: 1, Counted: true, LatestTag: "zqXMWiRd",
			Created: registry.Timestamp{Raw: "9", At: time.Unix(9, 0).UTC()}, Updated: registry.Timestamp{Raw: "9", At: time.Unix(9, 0).UTC()},
		}
		if diff := cmp.Diff(want, a.Page.Rows[5].Image); diff != "" {
			t.Errorf("%s: row 5 (-want +got):\n%s", file, diff)
		}
	}
}

func TestDecodeEnvelope(t *testing.T) {
	t.Parallel()
	const rows = `"ImageSet":[{"ImageName":"a","PullCount":1}]`
	for name, test := range map[string]struct {
		body    string
		err     string // part of the error; empty: none
		retCode int
		message string
		rows    int
		total   int64
	}{
		"code as text":            {body: `{"RetCode":"0","TotalCount":1,` + rows + `}`, rows: 1, total: 1},
		"code as float":           {body: `{"RetCode":0.0,"TotalCount":1.0,` + rows + `}`, rows: 1, total: 1},
		"code missing":            {body: `{"TotalCount":1,` + rows + `}`, err: "RetCode"},
		"code null":               {body: `{"RetCode":null,` + rows + `}`, err: "RetCode"},
		"code as object":          {body: `{"RetCode":{},` + rows + `}`, err: "RetCode"},
		"code too large":          {body: `{"RetCode":99999999999}`, err: "RetCode"},
		"another action":          {body: `{"RetCode":0,"Action":"GetRepoResponse",` + rows + `}`, err: "another call"},
		"refusal without action":  {body: `{"Message":"User Not Exists","RetCode":172}`, retCode: 172, message: "User Not Exists"},
		"message as number":       {body: `{"RetCode":0,"Message":7,` + rows + `}`, message: "7", rows: 1, total: -1},
		"message as object":       {body: `{"RetCode":230,"Message":{"a":1}}`, retCode: 230},
		"message beside success":  {body: `{"RetCode":0,"Message":"ok",` + rows + `}`, message: "ok", rows: 1, total: -1},
		"message in Chinese":      {body: `{"RetCode":230,"Message":"参数不可用"}`, retCode: 230, message: "参数不可用"},
		"other case":              {body: `{"retcode":0,"TOTALCOUNT":"1","imageset":[{"imagename":"a","PULLCOUNT":1}]}`, rows: 1, total: 1},
		"unknown fields":          {body: `{"x":[{"RetCode":5}],"Request_uuid":"u","RetCode":0,` + rows + `,"y":{}}`, rows: 1, total: -1},
		"byte order mark":         {body: "\ufeff{\n \"RetCode\": 0,\n" + rows + "\n}\n\n", rows: 1, total: -1},
		"no list":                 {body: `{"RetCode":0,"TotalCount":0}`},
		"null list":               {body: `{"RetCode":0,"TotalCount":0,"ImageSet":null}`},
		"empty list":              {body: `{"RetCode":0,"TotalCount":0,"ImageSet":[]}`},
		"empty object for a list": {body: `{"RetCode":0,"TotalCount":0,"ImageSet":{ }}`},
		"object for a list":       {body: `{"RetCode":0,"ImageSet":{"1":{"ImageName":"a"}}}`, err: "list"},
		"text for a list":         {body: `{"RetCode":0,"ImageSet":"none"}`, err: "list"},
		"total as text":           {body: `{"RetCode":0,"TotalCount":"7"}`, total: 7},
		"total negative":          {body: `{"RetCode":0,"TotalCount":-3}`, total: -1},
		"total as object":         {body: `{"RetCode":0,"TotalCount":{}}`, total: -1},
		"rows that are no rows":   {body: `{"RetCode":0,"ImageSet":[null,"x",7,{},{"ImageName":"a","PullCount":1}]}`, rows: 5, total: -1},
		"JSON text":               {body: `"{}"`, err: "RetCode"},
		"empty object":            {body: `{}`, err: "RetCode"},
		"array":                   {body: `[]`, err: "RetCode"},
		"null":                    {body: `null`, err: "RetCode"},
		"empty":                   {body: ``, err: "JSON"},
		"HTML":                    {body: `<html><body>log in</body></html>`, err: "JSON"},
		"cut":                     {body: `{"RetCode":0,"ImageSet":[{"ImageName":"a"`, err: "JSON"},
		"two documents":           {body: `{"RetCode":0}{"RetCode":0}`, err: "JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := testDecoder.Decode([]byte(test.body), "GetRepoImage")
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want one about %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if a.RetCode != test.retCode || a.Message != test.message || len(a.Page.Rows) != test.rows || a.Page.Total != test.total {
				t.Errorf("code %d, message %q, %d rows, total %d", a.RetCode, a.Message, len(a.Page.Rows), a.Page.Total)
			}
		})
	}
}

func TestDecodeCounts(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int64{
		`12`: 12, `"12"`: 12, `" 12 "`: 12, `12.0`: 12, `"12.00"`: 12, `1.2e1`: 12, `0`: 0, `3000000000`: 3000000000,
		`9007199254740993`: 9007199254740993, `"9007199254740993.0"`: 9007199254740993, `1000000000000000000`: registry.MaxPullCount, `1000000000000000001`: -1,
		// no observation, which must not be 0
		`null`: -1, `-1`: -1, `"many"`: -1, `""`: -1, `12.5`: -1, `9223372036854775807`: -1, `9223372036854775808`: -1,
		`1e400`: -1, `1e999999999`: -1, `true`: -1, `{}`: -1, `[1]`: -1, `"NaN"`: -1, `"0x10"`: -1,
	} {
		p, err := decodeRow(t, `{"ImageName":"a","PullCount":`+value+`}`)
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		image := p.Rows[0].Image
		if want >= 0 && (!image.Counted || image.PullCount != want || len(p.Rejected) != 0) {
			t.Errorf("count %s read as %d, counted %v, rejected %v", value, image.PullCount, image.Counted, p.Rejected)
		}
		if want < 0 && (image.Counted || image.PullCount != 0 || image.Name != "a" || len(p.Rejected) != 1 || p.Rejected[0].Image != "a") {
			t.Errorf("count %s read as %d, counted %v, rejected %v", value, image.PullCount, image.Counted, p.Rejected)
		}
	}
	if p, _ := decodeRow(t, `{"ImageName":"a"}`); p.Rows[0].Image.Counted || len(p.Rejected) != 1 {
		t.Errorf("row without a count: %+v", p)
	}
}

func TestDecodeTimes(t *testing.T) {
	t.Parallel()
	day := time.Date(2019, 10, 11, 8, 0, 0, 0, time.UTC)
	var none time.Time
	for value, want := range map[string]struct {
		at    time.Time
		raw   string
		fault bool
	}{
		`1571000000`:                  {at: time.Unix(1571000000, 0), raw: "1571000000"},
		`"1571000000"`:                {at: time.Unix(1571000000, 0), raw: "1571000000"},
		`1571000000123`:               {at: time.UnixMilli(1571000000123), raw: "1571000000123"},
		`"1571000000123"`:             {at: time.UnixMilli(1571000000123), raw: "1571000000123"},
		`1571000000123456`:            {at: time.UnixMicro(1571000000123456), raw: "1571000000123456"},
		`1.571e9`:                     {at: time.Unix(1571000000, 0), raw: "1.571e9"},
		`1571000000.5`:                {at: time.Unix(1571000000, 5e8), raw: "1571000000.5"},
		`5`:                           {at: time.Unix(5, 0), raw: "5"},
		`0`:                           {raw: "0"},
		`"0"`:                         {raw: "0"},
		`"0.0"`:                       {raw: "0.0"},
		`""`:                          {},
		`null`:                        {},
		`" "`:                         {raw: " "},
		`"2019-10-11 08:00:00"`:       {at: day.Add(-8 * time.Hour), raw: "2019-10-11 08:00:00"},
		`"2019-10-11T08:00:00"`:       {at: day.Add(-8 * time.Hour), raw: "2019-10-11T08:00:00"},
		`"2019-10-11T08:00:00Z"`:      {at: day, raw: "2019-10-11T08:00:00Z"},
		`"2019-10-11T08:00:00+02:00"`: {at: day.Add(-2 * time.Hour), raw: "2019-10-11T08:00:00+02:00"},
		`"2019-10-11T08:00:00.25Z"`:   {at: day.Add(250 * time.Millisecond), raw: "2019-10-11T08:00:00.25Z"},
		`"2019/10/11 08:00:00"`:       {at: day.Add(-8 * time.Hour), raw: "2019/10/11 08:00:00"},
		`"2019-10-11"`:                {at: day.Add(-16 * time.Hour), raw: "2019-10-11"},
		`"0001-01-01T00:00:00Z"`:      {raw: "0001-01-01T00:00:00Z"},
		`"yesterday"`:                 {raw: "yesterday", fault: true},
		`-5`:                          {raw: "-5", fault: true},
		`"1571000000s"`:               {raw: "1571000000s", fault: true},
		`true`:                        {raw: "true", fault: true},
		`{}`:                          {fault: true},
		`"a\u0000b"`:                  {fault: true},
	} {
		p, err := decodeRow(t, `{"ImageName":"a","PullCount":1,"CreateTime":`+value+`,"UpdateTime":`+value+`}`)
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		want := registry.Timestamp{Raw: want.raw, At: want.at.UTC()}
		if want.At.Equal(none) {
			want.At = none
		}
		image := p.Rows[0].Image
		if diff := cmp.Diff([]registry.Timestamp{want, want}, []registry.Timestamp{image.Created, image.Updated}); diff != "" {
			t.Errorf("time %s (-want +got):\n%s", value, diff)
		}
		if faults := len(p.Rejected); (faults == 2) != (image.Created.At.IsZero() && strings.ContainsAny(value, "-yst{a")) && value != `"0001-01-01T00:00:00Z"` {
			t.Errorf("time %s: rejected %v", value, p.Rejected)
		}
	}
}

func TestDecodeTexts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", maxName)
	for name, test := range map[string]struct {
		row      string
		image    string // name; empty: the row is of no use
		tag      string
		keyed    bool // it can still be told from others
		rejected string
	}{
		"tag missing":         {row: `"ImageName":"a"`, image: "a"},
		"tag null":            {row: `"ImageName":"a","LatestTag":null`, image: "a"},
		"tag empty":           {row: `"ImageName":"a","LatestTag":""`, image: "a"},
		"tag as number":       {row: `"ImageName":"a","LatestTag":1.0`, image: "a", tag: "1.0"},
		"tag of 128":          {row: `"ImageName":"a","LatestTag":"` + strings.Repeat("t", 128) + `"`, image: "a", tag: strings.Repeat("t", 128)},
		"tag too long":        {row: `"ImageName":"a","LatestTag":"` + strings.Repeat("t", maxText+1) + `"`, image: "a", rejected: "LatestTag is longer"},
		"tag with NUL":        {row: `"ImageName":"a","LatestTag":"x\u0000"`, image: "a", rejected: "NUL"},
		"tag as object":       {row: `"ImageName":"a","LatestTag":{}`, image: "a", rejected: "not a text"},
		"tag of half a pair":  {row: `"ImageName":"a","LatestTag":"\ud800"`, image: "a", rejected: "not a text"},
		"odd name":            {row: `"ImageName":"a/B._-c"`, image: "a/B._-c"},
		"foreign name":        {row: `"ImageName":"镜像"`, image: "镜像"},
		"escaped name":        {row: `"ImageName":"\u955c\"\\\/"`, image: "镜\"\\/"},
		"name with its own ?": {row: `"ImageName":"a\ufffdb"`, image: "a\ufffdb"},
		"longest name":        {row: `"ImageName":"` + long + `"`, image: long},
		"name too long":       {row: `"ImageName":"` + long + `n"`, keyed: true, rejected: "longer than 1024"},
		"name empty":          {row: `"ImageName":""`, rejected: "no name"},
		"name missing":        {row: `"PullCount":1`, rejected: "no name"},
		"name null":           {row: `"ImageName":null`, rejected: "no name"},
		"name as object":      {row: `"ImageName":{}`, rejected: "not a text"},
		"name with NUL":       {row: `"ImageName":"a\u0000b"`, keyed: true, rejected: "NUL"},
		"name not UTF-8":      {row: "\"ImageName\":\"a\xffb\"", keyed: true, rejected: "Unicode"},
		"name of half a pair": {row: `"ImageName":"a\ud800b"`, keyed: true, rejected: "Unicode"},
		"other repo's name":   {row: `"ImageName":"a","RepoName":"WEB"`, image: "a"},
		"repo's name missing": {row: `"ImageName":"a","RepoName":""`, image: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			count := `,"PullCount":1`
			if strings.Contains(test.row, "PullCount") {
				count = ""
			}
			p, err := decodeRow(t, "{"+test.row+count+"}")
			if err != nil {
				t.Fatal(err)
			}
			r := p.Rows[0]
			if r.Image.Name != test.image || r.Image.LatestTag != test.tag || (r.Key != "") != (test.keyed || test.image != "") {
				t.Errorf("row %+v", r)
			}
			if test.rejected == "" && len(p.Rejected) > 0 || test.rejected != "" && (len(p.Rejected) != 1 || !strings.Contains(p.Rejected[0].Reason, test.rejected)) {
				t.Errorf("rejected %v", p.Rejected)
			}
			for _, rejection := range p.Rejected {
				if len(rejection.Image) > 90 {
					t.Errorf("rejection names %d bytes", len(rejection.Image))
				}
			}
		})
	}
	one, _ := decodeRow(t, `{"ImageName":"`+long+`1"}`)
	two, _ := decodeRow(t, `{"ImageName":"`+long+`2"}`)
	if one.Rows[0].Key == two.Rows[0].Key {
		t.Error("two names that are too long are taken for one")
	}
}

func TestDecodeRepos(t *testing.T) {
	t.Parallel()
	for _, rows := range []string{`"a","b"`, `{"RepoName":"a","IsShared":"ture"},{"reponame":"b","IsShared":1}`, `null,"a",7.5e,{"RepoName":"b"}`} {
		a, err := testDecoder.Decode([]byte(`{"RetCode":0,"RepoSet":[`+strings.ReplaceAll(rows, "7.5e", `{"RepoName":""}`)+`]}`), "GetRepo")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range a.Page.Rows {
			if r.Image.Name != "" {
				got = append(got, r.Image.Name)
			}
		}
		if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rows, diff)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, file := range []string{"english", "chinese"} {
		body, err := os.ReadFile("testdata/" + file + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, body := range []string{
		`{"RetCode":"0","ImageSet":{},"TotalCount":"x"}`, `{"RetCode":0.0,"ImageSet":[null,1,"x",{"ImageName":1.0,"PullCount":"1e3"}]}`,
		"\ufeff{\"retcode\":0,\"IMAGESET\":[{\"imagename\":\"\\ud800\",\"LatestTag\":[]}]}", `{"RetCode":0,"RepoSet":["a",{"RepoName":"b"}]}`, `[]`, `null`, `"{}"`, `{`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := testDecoder.Decode(body, "GetRepoImage")
		if err != nil || a.RetCode != 0 {
			if len(a.Page.Rows) > 0 {
				t.Fatalf("rows of an answer that is none")
			}
			return
		}
		unusable := 0
		for _, r := range a.Page.Rows {
			image := r.Image
			if image.Name == "" {
				unusable++
			}
			for _, text := range []string{image.Name, image.LatestTag, image.Created.Raw, image.Updated.Raw} {
				if strings.ContainsRune(text, 0) || len(text) > maxName || strings.ToValidUTF8(text, "") != text {
					t.Fatalf("text %q went through", text)
				}
			}
			if image.PullCount < 0 || image.PullCount > registry.MaxPullCount || !image.Counted && image.PullCount != 0 {
				t.Fatalf("count %d", image.PullCount)
			}
			if image.Name != "" && r.Key != image.Name {
				t.Fatalf("row %q goes under %q", image.Name, r.Key)
			}
		}
		if unusable > len(a.Page.Rejected) {
			t.Fatalf("%d rows of no use, %d rejected", unusable, len(a.Page.Rejected))
		}
	})
}

// pageBody is an answer of n rows as the registry documents it.
func pageBody(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"RetCode":0,"Action":"GetRepoImageResponse","TotalCount":` + fmt.Sprint(n) + `,"ImageSet":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"ImageName":"team/service-%05d","RepoName":"web","PullCount":%d,"CreateTime":"15710%05d","UpdateTime":"15720%05d","LatestTag":"v1.%d"}`, i, i*977, i, i, i%40)
	}
	b.WriteString("]}")
	return []byte(b.String())
}
