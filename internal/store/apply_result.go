package store

import (
	"fmt"

	"syncer/internal/registry"
)

// result is the outcome of the look.
func (l *look) result() registry.RepoSync {
	s := l.snap
	r := registry.RepoSync{
		Repo: s.Repo, Status: registry.RepoOK, Complete: l.proves(), StartedAt: s.StartedAt, FinishedAt: l.at,
		Walks: s.Walks, Pages: s.Pages, TotalCount: s.TotalCount, Seen: len(s.Images), New: l.added, Changed: l.changed,
		Missing: l.missing, Rejected: s.RejectedTotal, HistoryRows: l.logged,
	}
	switch {
	case l.isHeld:
		r.Status, r.Error = registry.RepoHeld, l.whyHeld()
	case s.Unread != "":
		r.Status, r.Error = registry.RepoDrifting, s.Unread+"; what was read is written, and nothing counts as absent"
	case s.Nameless > 0:
		r.Status = registry.RepoDrifting
		r.Error = plural(s.Nameless, "row") + " without a usable name; everything else is written, and nothing counts as absent"
	case s.Evidence != registry.Complete:
		r.Status = registry.RepoDrifting
		r.Error = fmt.Sprintf("the list moved during each of %d walks; everything seen is written, absence counts less", s.Walks)
	}
	return r
}

func (l *look) whyHeld() string {
	why := fmt.Sprintf("%d of %d images vanished at once; none was marked missing. ", l.vanished, l.live)
	name := l.snap.Repo.Key.Name
	switch {
	case !l.release:
		return why + "If they are really gone, run sync with --allow-mass-delete " + name
	case l.snap.Nameless > 0:
		return why + fmt.Sprintf("--allow-mass-delete could not release them: this look has %s without a usable name and proves nothing; run it again", plural(l.snap.Nameless, "row"))
	default:
		return why + "--allow-mass-delete could not release them: the list moved too much for this look to prove anything; run it again"
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
