package fakeapi

import "math/rand/v2"

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

// hits counts a call and tells whether it is one that goes wrong.
func (r *ruleState) hits(q Request) bool {
	if r.Action != "" && r.Action != q.Action || r.Repo != "" && r.Repo != q.Repo || r.Project != "" && r.Project != q.ProjectID {
		return false
	}
	r.seen++
	i := r.seen - max(1, r.From)
	return i >= 0 && (r.Times == 0 || i < r.Times) && (r.Every == 0 || (i+1)%r.Every == 0)
}

// Mix lets a share of all calls (0 to 1) go wrong, each in a way chosen at random. The seed and a call's number decide,
// so that calls made one after the other meet the same faults each time.
func Mix(seed uint64, share float64, faults ...Fault) func(Request) Fault {
	return func(q Request) Fault {
		rng := rand.New(rand.NewPCG(seed, uint64(q.N)))
		if len(faults) == 0 || rng.Float64() >= share {
			return nil
		}
		return faults[rng.IntN(len(faults))]
	}
}

// Passing lists the faults that a caller should outlast by trying again: gateway errors, broken connections and bodies,
// answers that are no answer, and the codes for trouble and throttling.
func Passing() []Fault {
	return []Fault{
		HTTPStatus(500), HTTPStatus(502), HTTPStatus(503), HTTPStatus(504), HTTPStatus(408), HTTPStatus(429),
		RetCode(110, "API response timeout"), RetCode(130, "Gateway error"), RetCode(150, "Service unavailable"), RetCode(153, "Request throttled"),
		Reset(), Cut(), Truncated(), HTML(), Body(""), Body(`"{}"`),
	}
}
