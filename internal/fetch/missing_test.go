package fetch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/registry"
)

// Only what discovery would have listed may be missing from its list; a project that is not configured is another matter.
func TestMissing(t *testing.T) {
	t.Parallel()
	repo := func(project, name string) registry.Repo {
		return registry.Repo{Key: registry.RepoKey{Source: "default", Name: name}, ProjectID: project}
	}
	var known []registry.KnownRepo
	for _, r := range []registry.Repo{
		repo("org-1", "team-a"), repo("org-1", "team-b"), repo("org-1", "team-scratch"), repo("org-1", "other"),
		repo("org-2", "team-c"), repo("org-3", "team-d"), repo("", "team-e"),
	} {
		known = append(known, registry.KnownRepo{Repo: r})
	}
	known = append(known, registry.KnownRepo{Repo: repo("org-3", "left before"), Unconfigured: true})
	discovers := Project{ID: "org-1", Discover: DiscoverAll, Include: []string{"team-*"}, Exclude: []string{"*-scratch"}}
	for name, tt := range map[string]struct {
		projects []Project
		listed   []registry.Repo
		want     registry.Departures
	}{
		"discovered": {
			[]Project{discovers, {ID: "org-2", Repos: []string{"named"}}}, []registry.Repo{repo("org-1", "team-a")},
			registry.Departures{Unlisted: []registry.Repo{repo("org-1", "team-b"), repo("", "team-e")}, Foreign: []registry.Repo{repo("org-3", "team-d")}},
		},
		"named": {[]Project{{ID: "org-9", Repos: []string{"x"}}}, []registry.Repo{repo("org-9", "x")}, registry.Departures{}},
		"another project, which is empty": {
			[]Project{{ID: "org-9", Discover: DiscoverPrivate}}, nil,
			registry.Departures{Empty: true, Unlisted: []registry.Repo{repo("", "team-e")}, Foreign: []registry.Repo{
				repo("org-1", "team-a"), repo("org-1", "team-b"), repo("org-1", "team-scratch"), repo("org-1", "other"),
				repo("org-2", "team-c"), repo("org-3", "team-d"),
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &Source{opts: Options{Projects: tt.projects}}
			if diff := cmp.Diff(tt.want, s.Missing(known, tt.listed)); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}
