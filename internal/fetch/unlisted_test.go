package fetch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/registry"
)

// Only what discovery would have listed may be missing from its list.
func TestUnlisted(t *testing.T) {
	t.Parallel()
	repo := func(project, name string) registry.Repo {
		return registry.Repo{Key: registry.RepoKey{Source: "default", Name: name}, ProjectID: project}
	}
	s := &Source{opts: Options{Projects: []Project{
		{ID: "org-1", Discover: DiscoverAll, Include: []string{"team-*"}, Exclude: []string{"*-scratch"}},
		{ID: "org-2", Repos: []string{"named"}},
	}}}
	known := []registry.Repo{
		repo("org-1", "team-a"), repo("org-1", "team-b"), repo("org-1", "team-scratch"), repo("org-1", "other"),
		repo("org-2", "team-c"), repo("org-3", "team-d"),
	}
	got := s.Unlisted(known, []registry.Repo{repo("org-1", "team-a")})
	if diff := cmp.Diff([]registry.Repo{repo("org-1", "team-b")}, got); diff != "" {
		t.Errorf("unlisted (-want +got):\n%s", diff)
	}
}
