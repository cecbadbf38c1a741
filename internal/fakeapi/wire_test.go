package fakeapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWire(t *testing.T) {
	t.Parallel()
	at := time.Date(2019, 10, 13, 20, 53, 20, 0, time.UTC)
	for name, c := range map[string]struct {
		wire       Wire
		want, lack string
	}{
		"documented":   {Wire{}, `{"RetCode":0,"Action":"GetRepoImageResponse","TotalCount":1,"ImageSet":[{"ImageName":"nginx","RepoName":"r","PullCount":120,"CreateTime":"1571000000","UpdateTime":"1571000000","LatestTag":"1.29"}]}`, ""},
		"integers":     {Wire{Times: TimeInt}, `"CreateTime":1571000000,`, ""},
		"millis":       {Wire{Times: TimeMillis}, `"CreateTime":1571000000000,`, ""},
		"millis text":  {Wire{Times: TimeMillisText}, `"CreateTime":"1571000000000"`, ""},
		"exponent":     {Wire{Times: TimeExponent}, `"CreateTime":1.571e9,`, ""},
		"zone-less":    {Wire{Times: TimeText}, `"CreateTime":"2019-10-14 04:53:20"`, ""},
		"zone utc":     {Wire{Times: TimeText, Zone: time.UTC}, `"CreateTime":"2019-10-13 20:53:20"`, ""},
		"rfc3339":      {Wire{Times: TimeRFC3339}, `"CreateTime":"2019-10-13T20:53:20Z"`, ""},
		"time zero":    {Wire{Times: TimeZero}, `"CreateTime":0,`, ""},
		"time empty":   {Wire{Times: TimeEmpty}, `"CreateTime":"",`, ""},
		"time null":    {Wire{Times: TimeNull}, `"CreateTime":null,`, ""},
		"time missing": {Wire{Times: TimeMissing}, ``, "Time"},
		"time garbage": {Wire{Times: TimeGarbage}, `"CreateTime":"yesterday"`, ""},
		"count string": {Wire{Counts: CountString}, `"PullCount":"120"`, ""},
		"count float":  {Wire{Counts: CountFloat}, `"PullCount":120.0`, ""},
		"count exp":    {Wire{Counts: CountExponent}, `"PullCount":1.2e2`, ""},
		"count null":   {Wire{Counts: CountNull}, `"PullCount":null`, ""},
		"count gone":   {Wire{Counts: CountMissing}, ``, "PullCount"},
		"count below":  {Wire{Counts: CountNegative}, `"PullCount":-120`, ""},
		"count text":   {Wire{Counts: CountText}, `"PullCount":"many"`, ""},
		"total string": {Wire{Totals: TotalString}, `"TotalCount":"1"`, ""},
		"total null":   {Wire{Totals: TotalNull}, `"TotalCount":null`, ""},
		"total gone":   {Wire{Totals: TotalMissing}, ``, "TotalCount"},
		"total zero":   {Wire{Totals: TotalZero}, `"TotalCount":0`, ""},
		"total small":  {Wire{Totals: TotalSmall}, `"TotalCount":0`, ""},
		"total big":    {Wire{Totals: TotalBig}, `"TotalCount":1001`, ""},
		"total page":   {Wire{Totals: TotalPage}, `"TotalCount":1`, ""},
		"total moving": {Wire{Totals: TotalChanging}, `"TotalCount":2`, ""},
		"code string":  {Wire{Codes: CodeString}, `"RetCode":"0"`, ""},
		"code float":   {Wire{Codes: CodeFloat}, `"RetCode":0.0`, ""},
		"code gone":    {Wire{Codes: CodeMissing}, ``, "RetCode"},
		"tag empty":    {Wire{Tags: TagEmpty}, `"LatestTag":""`, ""},
		"tag null":     {Wire{Tags: TagNull}, `"LatestTag":null`, ""},
		"tag gone":     {Wire{Tags: TagMissing}, ``, "LatestTag"},
		"tag number":   {Wire{Tags: TagNumber}, `"LatestTag":1.0`, ""},
		"lower":        {Wire{Keys: KeysLower}, `"pullcount":120`, "PullCount"},
		"upper":        {Wire{Keys: KeysUpper}, `"PULLCOUNT":120`, "PullCount"},
		"no repo name": {Wire{NoRepoName: true}, ``, "RepoName"},
		"other name":   {Wire{OtherRepoName: true}, `"RepoName":"R"`, ""},
		"no action":    {Wire{NoAction: true}, ``, "Action"},
		"message":      {Wire{Message: true}, `"Message":""`, ""},
		"uuid":         {Wire{RequestUUID: true}, `"Request_uuid":"00000000-0000-4000-8000-000000000001"`, ""},
		"extra":        {Wire{Extra: true}, `"LatestTag":"1.29","Extra":{"a"`, ""},
		"pretty":       {Wire{Pretty: true}, "\n  \"RetCode\": 0,", ""},
		"bom":          {Wire{BOM: true}, "\uFEFF{", ""},
	} {
		w := NewWorld()
		w.AddRepo(Repo{Name: "r", Wire: &c.wire})
		w.PutImages("r", Image{Name: "nginx", Pulls: 120, Tag: "1.29", Created: at})
		got := ask(t, serve(t, w), params{"Action": "GetRepoImage", "RepoName": "r"})
		if !strings.Contains(got, c.want) || c.lack != "" && strings.Contains(got, c.lack) {
			t.Errorf("%s: got %s, want %s and no %q", name, got, c.want, c.lack)
		}
		if !json.Valid([]byte(strings.TrimPrefix(got, "\uFEFF"))) {
			t.Errorf("%s: no JSON: %s", name, got)
		}
	}
}

func TestEmptyLists(t *testing.T) {
	t.Parallel()
	w := NewWorld()
	w.AddRepo(Repo{Name: "r"})
	srv := serve(t, w)
	for form, want := range map[Empty]string{EmptyArray: `,"ImageSet":[]`, EmptyNull: `,"ImageSet":null`, EmptyMissing: ``, EmptyObject: `,"ImageSet":{}`} {
		srv.Set(WithWire(Wire{Empty: form}))
		got := ask(t, srv, params{"Action": "GetRepoImage", "RepoName": "r"})
		if want := `{"RetCode":0,"Action":"GetRepoImageResponse","TotalCount":0` + want + `}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRepoRows(t *testing.T) {
	t.Parallel()
	w := NewWorld()
	w.AddRepo(Repo{Name: "r", Shared: true})
	srv := serve(t, w)
	for want, wire := range map[string]Wire{
		`"RepoSet":["r"]`:    {RepoNames: true},
		`"IsShared":true,`:   {Flags: FlagBool},
		`"IsShared":1,`:      {Flags: FlagInt},
		`"IsShared":"ture",`: {Flags: FlagTypo},
		`"Description":""}`:  {Flags: FlagMissing},
	} {
		srv.Set(WithWire(wire))
		if got := ask(t, srv, params{"Action": "GetRepo"}); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRefusalsInOtherForms(t *testing.T) {
	t.Parallel()
	srv := serve(t, NewWorld(), WithWire(Wire{Codes: CodeString, BOM: true}))
	if got := ask(t, srv, params{"Action": "Nothing"}); !strings.HasPrefix(got, "\uFEFF"+`{"RetCode":"161","Message":`) {
		t.Errorf("got %s", got)
	}
}

func TestVerbatimRows(t *testing.T) {
	t.Parallel()
	w := NewWorld()
	w.AddRepo(Repo{Name: "r", Order: Insertion})
	w.PutImages("r", Image{Name: "1", Row: "null"}, Image{Name: "a\x00\"</script>镜"}, Image{Name: "2", Row: `"text"`}, Image{Name: "3", Row: `{"ImageName":"half"}`},
		Image{Name: `say "hi"`, Tag: `back\slash`})
	got := ask(t, serve(t, w), params{"Action": "GetRepoImage", "RepoName": "r"})
	var body struct {
		TotalCount int
		ImageSet   []json.RawMessage
	}
	if err := json.Unmarshal([]byte(got), &body); err != nil {
		t.Fatal(err)
	}
	var hostile struct{ ImageName string }
	_ = json.Unmarshal(body.ImageSet[1], &hostile)
	var quoted struct{ ImageName string }
	_ = json.Unmarshal(body.ImageSet[4], &quoted)
	rows := []string{quoted.ImageName, string(body.ImageSet[0]), hostile.ImageName, string(body.ImageSet[2]), string(body.ImageSet[3])}
	if d := cmp.Diff([]string{`say "hi"`, "null", "a\x00\"</script>镜", `"text"`, `{"ImageName":"half"}`}, rows); d != "" || body.TotalCount != 5 {
		t.Errorf("total %d (-want +got):\n%s", body.TotalCount, d)
	}
}

func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	w := NewWorld()
	w.AddRepo(Repo{Name: "en", Body: ExampleEnglish})
	w.AddRepo(Repo{Name: "zh", Body: ExampleChinese})
	srv := serve(t, w)
	for repo, want := range map[string]string{"en": ExampleEnglish, "zh": ExampleChinese} {
		got := ask(t, srv, params{"Action": "GetRepoImage", "RepoName": repo, "Limit": "6"})
		var body struct {
			TotalCount int
			ImageSet   []struct{ CreateTime, PullCount int }
		}
		if err := json.Unmarshal([]byte(got), &body); err != nil || got != want || len(body.ImageSet) != 9 || body.TotalCount != 5 {
			t.Errorf("%s: %v, got %s", repo, err, got)
		}
		if after := imagesAt(t, srv, repo, 7, 100); after.TotalCount != 5 || len(after.ImageSet) != 0 {
			t.Errorf("%s: after it: %+v", repo, after)
		}
	}
}
