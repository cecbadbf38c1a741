package wire

import (
	"encoding/json"
	"testing"
)

// BenchmarkDecode compares a page of 100 images, decoded with everything that is put up with, to the same page decoded into a
// struct that puts up with nothing. The ratio is to stay below 1.5.
func BenchmarkDecode(b *testing.B) {
	body := pageBody(100)
	plain := func() int {
		var v struct {
			RetCode    int
			Action     string
			Message    string
			TotalCount int
			ImageSet   []struct {
				ImageName, RepoName string
				PullCount           int64
				CreateTime          string
				UpdateTime          string
				LatestTag           string
			}
		}
		if err := json.Unmarshal(body, &v); err != nil {
			b.Fatal(err)
		}
		return len(v.ImageSet)
	}
	tolerant := func() int {
		a, err := testDecoder.Decode(body, "GetRepoImage")
		if err != nil {
			b.Fatal(err)
		}
		return len(a.Page.Rows)
	}
	// Both in the same loop, in turns, so that a busy machine slows both alike.
	var spent [2]float64
	for b.Loop() {
		for i, decode := range []func() int{plain, tolerant} {
			begun := b.Elapsed()
			if decode() != 100 {
				b.Fatal("rows are missing")
			}
			spent[i] += float64(b.Elapsed() - begun)
		}
	}
	b.ReportMetric(spent[0]/float64(b.N)/100, "plain-ns/image")
	b.ReportMetric(spent[1]/float64(b.N)/100, "tolerant-ns/image")
	b.ReportMetric(spent[1]/spent[0], "ratio")
}
