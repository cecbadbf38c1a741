package fakeapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// answer is what a call gets: the rows of one list, or a refusal.
type answer struct {
	refusal  *refusal
	wire     Wire
	verbatim string
	action   string
	repo     string
	total    int
	images   []Image
	repos    []*Repo
	projects []Project
}

// rows is how many rows the answer holds.
func (a *answer) rows() int { return len(a.images) + len(a.repos) + len(a.projects) }

// ask finds what the world answers. It holds the world for the time of the look only; the answer is written afterwards.
func (s *settings) ask(w *World, account Account, params map[string]string) answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := answer{wire: s.wire, action: params["Action"], repo: params["RepoName"]}
	if a.action == "GetProjectList" {
		for _, p := range w.projects {
			if len(account.Projects) == 0 || slices.Contains(account.Projects, p.ID) {
				a.projects = append(a.projects, p)
			}
		}
		return a
	}
	project, ref := w.project(account, params["ProjectId"])
	if ref != nil {
		a.refusal = ref
		return a
	}
	offset, ref := number(params, "Offset", 0, 0)
	if ref != nil {
		a.refusal = ref
		return a
	}
	limit, ref := number(params, "Limit", 20, 1)
	if ref != nil {
		a.refusal = ref
		return a
	}
	if a.action == "GetRepo" {
		s.listRepos(w, &a, project, params["Type"], offset, limit)
	} else {
		s.listImages(w, &a, project, offset, limit)
	}
	return a
}

func (s *settings) listRepos(w *World, a *answer, project, kind string, offset, limit int) {
	if kind != "" && kind != "public" && kind != "private" {
		a.refusal = &refusal{230, "Params [Type] not available"}
		return
	}
	list := w.repoList(project, kind != "private")
	a.total = len(list)
	var t pageState // a list of repos is short: no state is kept for it, so only pages of images repeat or fall short
	offset, n, ref := s.paging.window(&t, offset, limit, len(list))
	a.refusal = ref
	if ref == nil && offset < len(list) {
		a.repos = list[offset:min(offset+n, len(list))]
	}
}

func (s *settings) listImages(w *World, a *answer, project string, offset, limit int) {
	if a.repo == "" {
		a.refusal = &refusal{220, "Missing params [RepoName]"}
		return
	}
	images, ok := w.repos[a.repo]
	if !ok || (!images.repo.Shared && images.repo.ProjectID != project) {
		a.refusal = w.unknown
		return
	}
	if images.repo.Wire != nil {
		a.wire = *images.repo.Wire
	}
	if images.repo.Body != "" {
		a.total = totalOf(images.repo.Body)
		if offset == 0 {
			a.verbatim = images.repo.Body
		}
		return
	}
	paging := s.paging
	if images.repo.Paging != nil {
		paging = *images.repo.Paging
	}
	a.total = len(images.rows)
	offset, n, ref := paging.window(&images.pages, offset, limit, len(images.rows))
	a.refusal = ref
	if ref == nil {
		a.images = images.page(offset, n)
	}
}

func number(params map[string]string, name string, missing, least int) (int, *refusal) {
	text, ok := params[name]
	if !ok {
		return missing, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		return 0, &refusal{230, fmt.Sprintf("Params [%s] not available", name)}
	}
	return n, nil
}

// totalOf is what a verbatim body says of its total, so that the empty set after it says the same.
func totalOf(body string) int {
	var b struct{ TotalCount int }
	_ = json.Unmarshal([]byte(body), &b) // a body that is no JSON has no total
	return b.TotalCount
}
