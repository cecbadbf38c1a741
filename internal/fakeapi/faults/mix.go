package faults

import (
	"math/rand/v2"

	"syncer/internal/fakeapi"
)

// Mix lets a share of all calls (0 to 1) go wrong, each in a way chosen at random. The seed and a call's number decide,
// so that calls made one after the other meet the same faults each time.
func Mix(seed uint64, share float64, of ...fakeapi.Fault) func(fakeapi.Request) fakeapi.Fault {
	return func(q fakeapi.Request) fakeapi.Fault {
		rng := rand.New(rand.NewPCG(seed, uint64(q.N)))
		if len(of) == 0 || rng.Float64() >= share {
			return nil
		}
		return of[rng.IntN(len(of))]
	}
}

// Passing lists the faults that a caller should outlast by trying again: gateway errors, broken connections and bodies,
// answers that are no answer, and the codes for trouble and throttling.
func Passing() []fakeapi.Fault {
	return []fakeapi.Fault{
		HTTPStatus(500), HTTPStatus(502), HTTPStatus(503), HTTPStatus(504), HTTPStatus(408), HTTPStatus(429),
		RetCode(110, "API response timeout"), RetCode(130, "Gateway error"), RetCode(150, "Service unavailable"), RetCode(153, "fakeapi.Request throttled"),
		Reset(), Cut(), Truncated(), HTML(), Body(""), Body(`"{}"`),
	}
}
