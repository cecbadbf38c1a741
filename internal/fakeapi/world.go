package fakeapi

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// The account and project that every new world has. The public key holds what is special in URLs on purpose.
const (
	DefaultPublicKey  = "fakeapi+public/key=="
	DefaultPrivateKey = "fakeapi-private-key"
	DefaultProject    = "org-1"
)

// Account is who may call.
type Account struct {
	PublicKey      string
	PrivateKey     string
	SecurityToken  string   // not empty: must be sent and signed
	Projects       []string // projects it may use; empty: all
	RequireProject bool     // a sub-account: calls without ProjectId are refused with 299
}

// Project is one row of GetProjectList.
type Project struct {
	ID      string
	Name    string
	Default bool
	Created time.Time
}

// Repo is one row of GetRepo, and how its images are listed.
type Repo struct {
	Name        string
	ProjectID   string // empty: DefaultProject; an unknown project is added to the world
	Description string
	Shared      bool // public: listed by Type=public and readable from every project
	Created     time.Time
	Updated     time.Time

	Order  Order
	Wire   *Wire   // nil: the API's
	Paging *Paging // nil: the API's
	Body   string  // not empty: GetRepoImage answers it verbatim at offset 0 and an empty set after it
}

// World is what the registry holds. All methods may be called at any moment from any goroutine.
type World struct {
	mu       sync.Mutex
	now      time.Time
	seq      uint64
	accounts []Account
	projects []Project
	repos    map[string]*imageList
	names    []string           // of all repos, in the order in which they were added
	lists    map[string][]*Repo // GetRepo's lists by project and type, made on demand, dropped when a repo changes
	unknown  *refusal           // what GetRepoImage says of a repo that is not there; nil: an empty set
}

// NewWorld makes a world with one account, one project and no repo, in which it is 2026-01-05 00:00 UTC, a Monday.
func NewWorld() *World {
	return &World{
		now:      time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC),
		accounts: []Account{{PublicKey: DefaultPublicKey, PrivateKey: DefaultPrivateKey}},
		projects: []Project{{ID: DefaultProject, Name: "Default", Default: true}},
		repos:    map[string]*imageList{},
		lists:    map[string][]*Repo{},
		unknown:  &refusal{230, "Params [RepoName] not available"},
	}
}

// Now is the world's time, which new and pushed images get.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// SetTime sets the world's time.
func (w *World) SetTime(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = t
}

// SetAccounts replaces the accounts.
func (w *World) SetAccounts(accounts ...Account) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accounts = slices.Clone(accounts)
}

// SetUnknownRepo sets how GetRepoImage answers for a repo that is not there: with a RetCode (230 in a new world), or for
// code 0 with an empty set, as if the repo were there and empty.
func (w *World) SetUnknownRepo(code int, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unknown = nil
	if code != 0 {
		w.unknown = &refusal{code, message}
	}
}

// AddProject adds a project or replaces the one with its ID.
func (w *World) AddProject(p Project) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.projects = slices.DeleteFunc(w.projects, func(q Project) bool { return q.ID == p.ID })
	w.projects = append(w.projects, p)
}

// RemoveProject takes a project out of the list; calls that name it get 292. Its repos stay, unreachable unless shared.
func (w *World) RemoveProject(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.projects = slices.DeleteFunc(w.projects, func(q Project) bool { return q.ID == id })
}

// AddRepo adds an empty repo. A repo of that name that is already there is replaced with all its images.
func (w *World) AddRepo(r Repo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addRepo(r)
}

func (w *World) addRepo(r Repo) *imageList {
	r.ProjectID = cmp.Or(r.ProjectID, DefaultProject)
	if r.Created.IsZero() {
		r.Created = w.now
	}
	if r.Updated.IsZero() {
		r.Updated = r.Created
	}
	if !slices.ContainsFunc(w.projects, func(p Project) bool { return p.ID == r.ProjectID }) {
		w.projects = append(w.projects, Project{ID: r.ProjectID, Name: r.ProjectID, Created: w.now})
	}
	if _, ok := w.repos[r.Name]; !ok {
		w.names = append(w.names, r.Name)
	}
	s := &imageList{repo: &r, byName: map[string]*row{}}
	w.repos[r.Name] = s
	clear(w.lists)
	return s
}

// RemoveRepo removes a repo with all its images and reports whether it was there.
func (w *World) RemoveRepo(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.repos[name]; !ok {
		return false
	}
	delete(w.repos, name)
	w.names = slices.DeleteFunc(w.names, func(n string) bool { return n == name })
	clear(w.lists)
	return true
}

// UpdateRepo changes a repo's settings: shared, order, wire, paging and so on, but not its name. It reports whether the repo
// was there. The function must not call the world.
func (w *World) UpdateRepo(name string, change func(*Repo)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.repos[name]
	if !ok {
		return false
	}
	r := *s.repo // a copy: pages that are being written still hold the old one
	change(&r)
	r.Name = name
	s.repo = &r
	s.sort()
	clear(w.lists)
	return true
}

// Repos lists all repos in the order in which they were added.
func (w *World) Repos() []Repo {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Repo, 0, len(w.names))
	for _, name := range w.names {
		all = append(all, *w.repos[name].repo)
	}
	return all
}

// Fill puts n images into a repo, which is added if it is missing: img-00000 and so on, created a minute apart up to now,
// with i*7 pulls each.
func (w *World) Fill(repo string, n int) {
	now := w.Now()
	images := make([]Image, n)
	for i := range images {
		at := now.Add(-time.Duration(n-i) * time.Minute).Truncate(time.Second)
		images[i] = Image{Name: fmt.Sprintf("img-%05d", i), Pulls: int64(i) * 7, Tag: "v1", Created: at, Updated: at}
	}
	w.PutImages(repo, images...)
}

// repoList is one of GetRepo's lists. Several calls share it, so it is never changed.
func (w *World) repoList(project string, shared bool) []*Repo {
	key := fmt.Sprint(shared, project)
	list, ok := w.lists[key]
	if !ok {
		for _, name := range w.names {
			if r := w.repos[name].repo; r.Shared == shared && r.ProjectID == project {
				list = append(list, r)
			}
		}
		w.lists[key] = list
	}
	return list
}

// defaultProject is what a call without ProjectId speaks of.
func (w *World) defaultProject() string {
	for _, p := range w.projects {
		if p.Default {
			return p.ID
		}
	}
	return DefaultProject
}
