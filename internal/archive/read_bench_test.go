package archive_test

import (
	"fmt"
	"strings"
	"testing"

	"syncer/internal/archive"
)

// BenchmarkRead reads 100,000 lines of 1,000 images as syncer export writes them.
func BenchmarkRead(b *testing.B) {
	const lines, images = 100_000, 1000
	var ndjson, csv strings.Builder
	csv.WriteString("observed_at,source,project_id,repo,image,pull_count,latest_tag,create_time,update_time\n")
	for i := range lines {
		at := fmt.Sprintf("2026-01-%02dT%02d:00:00.000000Z", i%28+1, i%24)
		fmt.Fprintf(&ndjson, `{"observed_at":%q,"source":"default","project_id":"org-1","repo":"web","image":"team/api-%d","pull_count":%d,"latest_tag":"v1","create_time":"1571000000"}`+"\n", at, i%images, i)
		fmt.Fprintf(&csv, "%s,default,org-1,web,team/api-%d,%d,v1,1571000000,\n", at, i%images, i)
	}
	for form, text := range map[string]string{"ndjson": ndjson.String(), "csv": csv.String()} {
		b.Run(form, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				n := 0
				for _, err := range archive.Read(archive.Stdin, options(text)) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != lines {
					b.Fatalf("%d observations", n)
				}
			}
		})
	}
}
