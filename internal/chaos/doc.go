// Package chaos holds tests that let everything go wrong at once: runs are killed and asked to end at any moment, the database is
// restarted, crashes or loses its connections, the registry answers with every kind of fault, clocks are set back and forth, and
// several runs meet. All of it happens over a registry whose truth is known, so that after each run the reporting views are
// compared with what was there to be seen.
//
// A schedule is a seed. TestSchedules plays a few of them with every `go test`, `make chaos` plays a thousand:
//
//	CHAOS_SCHEDULES=1000 go test ./internal/chaos -run TestSchedules -timeout 2h
//	CHAOS_SEED=4711 go test ./internal/chaos -run TestSchedules -v    # one of them again
//
// A seed fixes what is done and at which request or database message; how processes are scheduled around that is the machine's.
package chaos
