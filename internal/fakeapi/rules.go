package fakeapi

import "net/http"

// Fault answers a call in place of the API. It is given the body that would have been sent.
type Fault func(w http.ResponseWriter, r *http.Request, answer []byte)

// Rule lets something go wrong with the calls it matches. Empty fields match every call.
type Rule struct {
	Action  string
	Repo    string
	Project string
	From    int // begins with the n-th matching call; 0 is 1
	Times   int // then for so many matching calls; 0: for ever
	Every   int // and of those each n-th only; 0: each
	Do      Fault
}

type ruleState struct {
	Rule
	seen int
}

// hits counts a call and reports whether it is one that goes wrong.
func (r *ruleState) hits(q Request) bool {
	if r.Action != "" && r.Action != q.Action || r.Repo != "" && r.Repo != q.Repo || r.Project != "" && r.Project != q.ProjectID {
		return false
	}
	r.seen++
	i := r.seen - max(1, r.From)
	return i >= 0 && (r.Times == 0 || i < r.Times) && (r.Every == 0 || (i+1)%r.Every == 0)
}
