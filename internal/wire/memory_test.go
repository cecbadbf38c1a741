package wire

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"syncer/internal/registry"
)

// allocated is how much decoding a body allocates, garbage included, in MiB.
func allocated(t *testing.T, body string) (mib int, err error) {
	t.Helper()
	raw := []byte(body)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = testDecoder.Decode(raw, "GetRepoImage")
	runtime.ReadMemStats(&after)
	return int((after.TotalAlloc - before.TotalAlloc) >> 20), err
}

// TestMemoryOfAnAnswer decodes answers that are small on the wire and large in memory. None may take 128 MiB more than the largest page that
// can be asked for.
func TestMemoryOfAnAnswer(t *testing.T) { //nolint:paralleltest // weighs what is allocated, which others would add to
	fill := func(begin, one, end string, n int) string {
		n = min(n, (MaxBody-len(begin)-len(end))/len(one))
		return begin + strings.TrimSuffix(strings.Repeat(one, n), ",") + end
	}
	rows := func(one string, n int) string { return fill(`{"RetCode":0,"TotalCount":9,"ImageSet":[`, one, `]}`, n) }
	normal, err := allocated(t, string(pageBody(10_000)))
	if err != nil {
		t.Fatal(err)
	}
	const all = MaxBody
	for name, test := range map[string]struct {
		body    string
		refused bool
	}{
		"empty rows":              {rows(`{},`, all), true},
		"numbers for rows":        {rows(`0,`, all), true},
		"nulls for rows":          {rows(`null,`, all), true},
		"lists for rows":          {rows(`[],`, all), true},
		"short rows":              {rows(`{"ImageName":"a"},`, all), true},
		"repos":                   {fill(`{"RetCode":0,"RepoSet":[`, `"",`, `]}`, all), true},
		"numbers for repos":       {fill(`{"RetCode":0,"RepoSet":[`, `0,`, `]}`, all), true},
		"as many rows as may be":  {rows(`{},`, MaxRows), false},
		"as many odd rows":        {rows(`{"ImageName":"a","PullCount":-1,"LatestTag":{},"CreateTime":"x","UpdateTime":"y"},`, MaxRows), false},
		"two lists":               {`{"RetCode":0,"ImageSet":[` + strings.Repeat(`{},`, MaxRows/2) + `{}],"imageset":[` + strings.Repeat(`{},`, MaxRows/2+1) + `{}]}`, true},
		"commas in a text":        {fill(`{"RetCode":0,"TotalCount":0,"ImageSet":[],"x":"`, `,,,,`, `"}`, all), false},
		"commas in another list":  {fill(`{"RetCode":0,"TotalCount":0,"ImageSet":[],"x":[[`, `0,`, `]]}`, all), false},
		"deep":                    {fill(`{"RetCode":0,"ImageSet":`, `[`, ``, all), true},
		"deep in a row":           {rows(`{"ImageName":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`},`, all), false},
		"a huge name":             {rows(fill(`{"ImageName":"`, `\u0061`, `"},`, (all-200)/6), all), false},
		"huge names":              {rows(fill(`{"ImageName":"`, `a`, `"},`, 10_000), all), false},
		"a huge number":           {rows(fill(`{"ImageName":"a","PullCount":1`, `0`, `},`, all-200), all), false},
		"a huge code":             {fill(`{"RetCode":1`, `0`, `}`, all), true},
		"a huge message":          {fill(`{"RetCode":1,"Message":"`, `\n`, `"}`, all), false},
		"a huge key":              {rows(fill(`{"`, `A`, `":1},`, all-200), all), false},
		"huge keys":               {rows(fill(`{"`, `A`, `":1},`, 100_000), all), false},
		"many unknown fields":     {rows(fill(`{`, `"x":1,`, `},`, (all-200)/6), all), false},
		"many unknown fields out": {fill(`{"RetCode":0,"TotalCount":0,"ImageSet":[]`, `,"x":1`, `}`, all), false},
	} {
		took, err := allocated(t, test.body)
		if took > normal+128 {
			t.Errorf("%s: %d MiB, a page of 10,000 rows takes %d", name, took, normal)
		}
		if (err != nil) != test.refused {
			t.Errorf("%s: error %v", name, err)
		}
		t.Logf("%s: %d MiB, %v", name, took, err)
	}
}

// TestMostRows reads as many rows as there may be, and refuses one more by a name of its own.
func TestMostRows(t *testing.T) {
	t.Parallel()
	body := func(n int) []byte {
		return []byte(`{"RetCode":0,"ImageSet":[` + strings.TrimSuffix(strings.Repeat(`{"ImageName":",\"","PullCount":1},`, n), ",") + `]}`)
	}
	a, err := testDecoder.Decode(body(MaxRows), "GetRepoImage")
	if err != nil || len(a.Page.Rows) != MaxRows {
		t.Errorf("%d rows: %v", len(a.Page.Rows), err)
	}
	if _, err := testDecoder.Decode(body(MaxRows+1), "GetRepoImage"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

// TestRejectionsAreBounded spoils more rows than are named. They are counted all the same, and the last are no less spoilt.
func TestRejectionsAreBounded(t *testing.T) {
	t.Parallel()
	a, err := testDecoder.Decode([]byte(`{"RetCode":0,"ImageSet":[`+strings.Repeat(`{"ImageName":"a"},`, 2*registry.MaxRejections)+`{}]}`), "GetRepoImage")
	if err != nil {
		t.Fatal(err)
	}
	last := a.Page.Rows[len(a.Page.Rows)-1]
	if len(a.Page.Rejected) != registry.MaxRejections || last.Key != "" || last.Rejections != 1 || fmt.Sprint(a.Page.Rows[0].Rejections) != "1" {
		t.Errorf("%d rejections, last row %+v", len(a.Page.Rejected), last)
	}
}
