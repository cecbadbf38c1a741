package store

import (
	"context"
	"iter"
	"time"

	"syncer/internal/registry"
)

const (
	// stageBytes is how much of the observations is gathered before it is sent.
	stageBytes = 4 << 20
	// maxInterned bounds the names, and the moments, that are remembered while observations are read. Those that come again
	// after they were forgotten are merely staged again.
	maxInterned = 200_000
	// progressEvery is how many observations pass between two words on progress.
	progressEvery = 50_000
)

// staging takes observations as they come into temporary tables.
type staging struct {
	im       *importer
	sights   *copyBuffer
	names    *copyBuffer
	looks    *copyBuffer
	repos    []stagedRepo
	repoRefs map[registry.RepoKey]int32
	lastKey  registry.RepoKey // observations of a repo tend to stand together
	lastRef  int32
	refs     map[string]int64 // of images, by repo ref and name
	nextRef  int64
	seen     map[stagedLook]struct{}
	months   map[time.Time]bool
	key      []byte
}

type stagedRepo struct {
	key       registry.RepoKey
	project   string // the newest that was given
	projectAt int64
}

type stagedLook struct {
	repo int32
	at   int64
}

// stage reads all observations. The parsing of a batch goes on while the one before is sent.
func (im *importer) stage(ctx context.Context, observations iter.Seq2[registry.Observation, error]) (*staging, error) {
	st := &staging{
		im: im, sights: newCopyBuffer("import_sights"), names: newCopyBuffer("import_names"), looks: newCopyBuffer("import_looks"),
		repoRefs: map[registry.RepoKey]int32{}, refs: map[string]int64{}, seen: map[stagedLook]struct{}{}, months: map[time.Time]bool{},
		lastRef: -1,
	}
	if err := execAll(ctx, im.read, `
-- name: StageSights
CREATE TEMP TABLE import_sights (
    ref bigint NOT NULL, at timestamptz NOT NULL, pull_count bigint NOT NULL,
    tag text, created text, updated text, absent timestamptz, missing timestamptz, deleted timestamptz) ON COMMIT DROP`); err != nil {
		return nil, err
	}
	if err := execAll(ctx, im.write, `
-- name: StageNames
CREATE TEMP TABLE import_names (ref bigint NOT NULL, repo_ref integer NOT NULL, name text COLLATE "C" NOT NULL) ON COMMIT DROP`, `
-- name: StageLooks
CREATE TEMP TABLE import_looks (repo_ref integer NOT NULL, at timestamptz NOT NULL) ON COMMIT DROP`); err != nil {
		return nil, err
	}
	for o, err := range observations {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			im.refused = err
			return nil, err
		}
		if err := st.add(ctx, &o); err != nil {
			return nil, err
		}
	}
	return st, st.flush(ctx)
}

// add stages one observation.
func (st *staging) add(ctx context.Context, o *registry.Observation) error {
	sum := &st.im.sum
	if sum.Observations++; sum.Observations%progressEvery == 0 {
		st.im.opt.Progress(0, int(sum.Observations))
	}
	if o.At.Before(st.im.horizon) {
		sum.TooOld++
		return nil
	}
	if !o.Image.Counted {
		return nil // absences and looks without an image
	}
	at := momentOf(o.At)
	repo := st.repo(o, at)
	st.look(repo, at, o.At)
	c := st.sights
	c.row(9)
	c.int8(st.ref(repo, o.Image.Name))
	c.int8(at)
	c.int8(o.Image.PullCount)
	c.text(o.Image.LatestTag)
	c.text(o.Image.Created.Raw)
	c.text(o.Image.Updated.Raw)
	for range 3 { // absent_at, missing_since, deleted_at
		c.known(never)
	}
	if len(c.buf) >= stageBytes || len(st.names.buf) >= stageBytes {
		return st.flush(ctx)
	}
	return nil
}

// flush sends what was gathered.
func (st *staging) flush(ctx context.Context) error {
	if err := st.names.flush(ctx, st.im.write); err != nil {
		return err
	}
	if err := st.looks.flush(ctx, st.im.write); err != nil {
		return err
	}
	return st.sights.flush(ctx, st.im.read)
}

// repo is the number of the observation's repo within this import.
func (st *staging) repo(o *registry.Observation, at int64) int32 {
	ref := st.lastRef
	if ref < 0 || o.Repo.Key != st.lastKey {
		var known bool
		if ref, known = st.repoRefs[o.Repo.Key]; !known {
			ref = int32(len(st.repos))
			st.repoRefs[o.Repo.Key] = ref
			st.repos = append(st.repos, stagedRepo{key: o.Repo.Key, projectAt: never})
		}
		st.lastKey, st.lastRef = o.Repo.Key, ref
	}
	if r := &st.repos[ref]; o.Repo.ProjectID != "" && (at > r.projectAt || at == r.projectAt && o.Repo.ProjectID > r.project) {
		r.project, r.projectAt = o.Repo.ProjectID, at
	}
	return ref
}

// look notes a moment at which a repo was looked at.
func (st *staging) look(repo int32, at int64, t time.Time) {
	l := stagedLook{repo, at}
	if _, known := st.seen[l]; known {
		return
	}
	if len(st.seen) >= maxInterned {
		clear(st.seen)
	}
	st.seen[l] = struct{}{}
	st.months[monthOf(t)] = true
	st.looks.row(2)
	st.looks.int4(repo)
	st.looks.int8(at)
}

// ref is a number that stands for an image. One image may have several, never the other way round.
func (st *staging) ref(repo int32, name string) int64 {
	st.key = append(st.key[:0], byte(repo>>24), byte(repo>>16), byte(repo>>8), byte(repo))
	st.key = append(st.key, name...)
	if ref, known := st.refs[string(st.key)]; known {
		return ref
	}
	if len(st.refs) >= maxInterned {
		clear(st.refs)
	}
	ref := st.nextRef
	st.nextRef++
	st.refs[string(st.key)] = ref
	st.names.row(3)
	st.names.int8(ref)
	st.names.int4(repo)
	st.names.text(name)
	return ref
}
