package report

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"syncer/internal/store"
)

// maxNear is how many names are offered instead of one that is not there.
const maxNear = 3

// Named completes the names of a query, whose repo may be written as SOURCE/NAME, and fails with ErrQuery when one of them is not
// there: no rows would look like no pulls.
func Named(ctx context.Context, src Source, q Query) (Query, error) {
	if q.Source == "" && q.Repo == "" && q.Image == "" {
		return q, nil
	}
	repos, err := src.Repos(ctx)
	if err != nil {
		return q, err
	}
	if len(repos) == 0 {
		return q, fmt.Errorf("%w: no repo was ever read; run syncer sync first", ErrQuery)
	}
	var sources, names []string
	for _, r := range repos {
		sources = append(sources, r.Source)
		if q.Source == "" || r.Source == q.Source {
			names = append(names, r.Repo)
		}
	}
	if q.Source != "" && !slices.Contains(sources, q.Source) {
		return q, missing("source", q.Source, sources)
	}
	if source, name, ok := strings.Cut(q.Repo, "/"); ok && q.Source == "" && !slices.Contains(names, q.Repo) {
		if slices.ContainsFunc(repos, func(r store.RepoRow) bool { return r.Source == source && r.Repo == name }) {
			q.Source, q.Repo, names = source, name, []string{name}
		}
	}
	if q.Repo != "" && !slices.Contains(names, q.Repo) {
		return q, missing("repo", q.Repo, names)
	}
	if q.Image == "" {
		return q, nil
	}
	f := store.ReportFilter{Source: q.Source, Repo: q.Repo, Image: q.Image}
	found, err := src.ImageNames(ctx, f)
	if err != nil || len(found) > 0 {
		return q, err
	}
	f.Image = ""
	found, err = src.ImageNames(ctx, f)
	if err != nil {
		return q, err
	}
	return q, missing("image", q.Image, found)
}

func missing(what, name string, known []string) error {
	text := fmt.Sprintf("there is no %s %q", what, name)
	if near := near(name, known); len(near) > 0 {
		text += "; there is " + strings.Join(near, ", ")
	} else if what != "image" {
		text += "; syncer status lists the repos"
	}
	return fmt.Errorf("%w: %s", ErrQuery, text)
}

// near are the known names that are most like one, best first: those that hold it, or that differ in every third letter at most.
func near(name string, known []string) []string {
	known = slices.Compact(slices.Sorted(slices.Values(known)))
	distances := map[string]int{}
	lower := strings.ToLower(name)
	known = slices.DeleteFunc(known, func(other string) bool {
		l := strings.ToLower(other)
		distances[other] = distance(lower, l)
		return distances[other] > max(2, len([]rune(name))/3) && (len(name) < 2 || !strings.Contains(l, lower))
	})
	slices.SortStableFunc(known, func(a, b string) int { return distances[a] - distances[b] })
	known = known[:min(len(known), maxNear)]
	for i := range known {
		known[i] = fmt.Sprintf("%q", known[i])
	}
	return known
}

// distance is how many letters must be put in, left out or changed to make one text the other.
func distance(a, b string) int {
	to := []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for _, r := range a {
		before := row[0]
		row[0]++
		for j, other := range to {
			cost := before
			if r != other {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, before+1, row[j]+1)
		}
	}
	return row[len(to)]
}
