package fetch

import (
	"slices"

	"syncer/internal/registry"
)

// target is a repo and the project it is asked for in.
type target struct{ project, repo string }

func targets(repos []registry.Repo) []target {
	list := make([]target, len(repos))
	for i, repo := range repos {
		list[i] = target{repo.ProjectID, repo.Key.Name}
	}
	return list
}

// witnesses are the repos that can be asked whether the source answers at all.
type witnesses struct {
	recent []target        // that answered this process, the last first
	good   []target        // that answered others before, the last first
	others []target        // of which nothing is known
	failed map[target]bool // that failed in this round
}

// answered notes who gave what was asked for.
func (w *witnesses) answered(r request) {
	t := target{r.project, r.repo}
	if r.action != actionImages || len(w.recent) > 0 && w.recent[0] == t {
		return
	}
	delete(w.failed, t)
	w.recent = slices.DeleteFunc(w.recent, func(other target) bool { return other == t })
	w.recent = slices.Insert(w.recent[:min(len(w.recent), lastWitnesses)], 0, t)
}

// fell notes who is no witness for this round.
func (w *witnesses) fell(r request) {
	if r.action == actionImages {
		w.failed[target{r.project, r.repo}] = true
	}
}

// of picks who is to be asked about a failure. Where there is no other repo, the list of repos is asked for.
func (w *witnesses) of(r request, f *failure) []request {
	if f.class == classProject && r.repo == "" {
		return nil // nobody else can tell
	}
	var list []request
	seen := map[target]bool{{r.project, r.repo}: true}
	add := func(all []target, most int) {
		for _, t := range all {
			if len(list) >= most {
				return
			}
			if !seen[t] && !w.failed[t] && (f.class != classProject || t.project == r.project) {
				seen[t] = true
				list = append(list, request{action: actionImages, project: t.project, repo: t.repo})
			}
		}
	}
	add(w.recent, lastWitnesses)
	add(spread(w.good, goodWitnesses-len(list)), goodWitnesses)
	add(w.good, goodWitnesses)
	if len(list) < goodWitnesses {
		add(spread(w.others, anyWitnesses), anyWitnesses)
		add(w.others, anyWitnesses)
	}
	if len(list) == 0 && r.action == actionImages && f.class != classProject {
		list = append(list, request{action: actionRepos, project: r.project, kind: kindPrivate})
	}
	return list
}

// spread picks n of a list, evenly.
func spread(all []target, n int) []target {
	if len(all) <= n {
		return all
	}
	list := make([]target, n)
	for i := range n {
		list[i] = all[(i+1)*len(all)/(n+1)]
	}
	return list
}
