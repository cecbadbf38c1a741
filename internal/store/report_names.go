package store

import "context"

// namesRead is how many names are read at most when somebody is told what there is instead of what was asked for.
const namesRead = 10_000

// ImageNames are the names of the filter's images in the order of the alphabet, and not all when they are very many.
func (s *Store) ImageNames(ctx context.Context, f ReportFilter) ([]string, error) {
	type row struct{ Image string }
	rows, err := collect[row](ctx, s, "read names of images", `
-- name: ReportImageNames
SELECT DISTINCT image FROM reporting.images
WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR repo = $2) AND ($3::text IS NULL OR image = $3)
ORDER BY image
LIMIT $4`, f.args(namesRead)...)
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.Image
	}
	return names, err
}
