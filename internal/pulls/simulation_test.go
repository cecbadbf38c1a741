package pulls_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"syncer/internal/pulls"
)

// scenario is a registry that shows its counter badly.
type scenario struct {
	name    string
	lag     time.Duration // how far behind each of three replicas may be
	glitch  float64       // part of the looks that read something lower
	flush   time.Duration // how often the registry forgets the pulls of its last day
	reset   time.Duration // how often the counter starts anew
	anew    time.Duration // how often the image is deleted and pushed again
	exceeds time.Duration // the interval of looks at which the rule is known to count too many pulls
}

var scenarios = []scenario{
	{name: "replicas up to 1 h behind", lag: time.Hour},
	{name: "replicas up to 5 h behind", lag: 5 * time.Hour},
	{name: "glitches in 5 % of the looks", glitch: 0.05, exceeds: 24 * time.Hour},
	{name: "1 h behind, and glitches", lag: time.Hour, glitch: 0.05, exceeds: 24 * time.Hour},
	{name: "last day forgotten every 5 days", flush: 5 * 24 * time.Hour},
	{name: "1 h behind, last day forgotten", lag: time.Hour, flush: 5 * 24 * time.Hour},
	{name: "counter reset every 10 days", reset: 10 * 24 * time.Hour},
	{name: "5 h behind, counter reset", lag: 5 * time.Hour, reset: 10 * 24 * time.Hour},
	{name: "image made anew every 10 days", anew: 10 * 24 * time.Hour},
	{name: "image made anew, 1 h behind", lag: time.Hour, anew: 10 * 24 * time.Hour, exceeds: 5 * time.Minute},
}

// instant is the registry's own knowledge in one minute.
type instant struct {
	count   int64
	epoch   int // one more each time the counter fell
	created time.Time
	pulled  int64 // pulls that truly happened since the start
}

const simulated = 40 * 24 * time.Hour

// registryOf is the truth, minute by minute.
func registryOf(s scenario, random *rand.Rand) []instant {
	now := instant{count: 5000, created: start.Add(-90 * 24 * time.Hour)}
	minutes := make([]instant, 0, simulated/time.Minute)
	due := func(every time.Duration, m int) bool {
		return every != 0 && m > 0 && time.Duration(m)*time.Minute%every == 0
	}
	for m := range int(simulated / time.Minute) {
		if random.IntN(3) == 0 {
			now.count++
			now.pulled++
		}
		switch {
		case due(s.flush, m):
			now.count = minutes[m-24*60].count
			now.epoch++
		case due(s.reset, m):
			now.count, now.epoch = 0, now.epoch+1
		case due(s.anew, m):
			now.count, now.epoch, now.created = 0, now.epoch+1, start.Add(time.Duration(m)*time.Minute)
		}
		minutes = append(minutes, now)
	}
	return minutes
}

// outcome is what was counted of a simulation.
type outcome struct {
	truth      int64 // pulls that happened
	observable int64 // pulls that the readings show to somebody who knows when the counter fell
	atOnce     int64 // counted by believing a fall of at most half at once, and a larger one at the next look
	counted    int64 // counted by the rule
}

func simulate(s scenario, minutes []instant, every time.Duration, random *rand.Rand) outcome {
	var out, settled outcome
	var state pulls.State
	high := map[int]int64{}
	var first int64
	var before time.Time
	var old believedAtOnce
	var behind [3]int
	for i := range behind {
		behind[i] = random.IntN(int(s.lag/time.Minute) + 1)
	}
	for m := int(24 * time.Hour / time.Minute); m < len(minutes); m += int(every / time.Minute) {
		read := minutes[m-behind[random.IntN(3)]]
		if s.glitch > 0 && random.Float64() < s.glitch && !before.IsZero() {
			read.count = random.Int64N(read.count + 1)
		} else {
			high[read.epoch] = max(high[read.epoch], read.count)
		}
		o := pulls.Observation{At: start.Add(time.Duration(m) * time.Minute), Before: before, Count: read.count, Created: read.created}
		if before.IsZero() {
			state, _ = pulls.First(o, false)
			first, old.last = read.count, read.count
		} else {
			var c pulls.Change
			state, c, _ = pulls.Next(state, o)
			out.counted += c.Pulls
			out.atOnce += old.next(o.Count)
		}
		before = o.At
		if state.FallenAt.IsZero() { // what is in doubt is counted once it is resolved
			settled = out
			settled.truth = minutes[m].pulled - minutes[24*60].pulled
			settled.observable = -first
			for _, count := range high {
				settled.observable += count
			}
		}
	}
	return settled
}

// believedAtOnce is the rule that was refused.
type believedAtOnce struct {
	last, before int64
	suspect      bool
}

func (b *believedAtOnce) next(count int64) (pulled int64) {
	last := b.last
	b.last = count
	switch {
	case b.suspect && count >= b.before:
		b.suspect = false
		return count - b.before
	case b.suspect:
		b.suspect = false
		return count
	case count < last/2:
		b.suspect, b.before = true, last
		return 0
	}
	return max(count-last, 0)
}

// The rule counts no pull too many, and all that can be known from the readings, however badly a registry shows its counter.
// `go test -v -run Simulation` prints the table of docs/design.md.
func TestSimulation(t *testing.T) {
	t.Parallel()
	t.Logf("| %-34s | looks | fall believed at once | by the rule | of what the looks could show |", "registry")
	for _, s := range scenarios {
		var truths [8][]instant
		for i := range truths {
			truths[i] = registryOf(s, rand.New(rand.NewPCG(uint64(i), 0)))
		}
		for _, every := range []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour} {
			var sum outcome
			exceeded := false
			for seed, minutes := range truths {
				out := simulate(s, minutes, every, rand.New(rand.NewPCG(uint64(seed), 1)))
				exceeded = exceeded || out.counted > out.observable
				exact := s.flush == 0 // what is forgotten and pulled again between two looks cannot be seen
				if s.exceeds != every && (out.counted > out.truth+lagged(s) || exact && out.counted != out.observable) {
					t.Errorf("%s, looked at every %v, seed %d: %+v", s.name, every, seed, out)
				}
				sum.truth += out.truth
				sum.observable += out.observable
				sum.atOnce += out.atOnce
				sum.counted += out.counted
			}
			if s.exceeds == every && !exceeded {
				t.Errorf("%s, looked at every %v: does not exceed, so say so", s.name, every)
			}
			of := func(n, of int64) string { return fmt.Sprintf("%.3f", float64(n)/float64(of)) }
			shown := "-"
			if s.flush == 0 {
				shown = of(sum.counted, sum.observable)
			}
			t.Logf("| %-34s | %-5s | %-21s | %-11s | %-28s |", s.name, short(every), of(sum.atOnce, sum.truth), of(sum.counted, sum.truth), shown)
		}
	}
}

// lagged is by how many pulls the first reading may lie behind the truth.
func lagged(s scenario) int64 { return int64(s.lag / time.Minute) }

func short(d time.Duration) string {
	return map[time.Duration]string{5 * time.Minute: "5 min", time.Hour: "1 h", 24 * time.Hour: "1 d"}[d]
}
