package store

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

const (
	// stageRows is how many observations are gathered before they are sent.
	stageRows = 20_000
	// progressEvery is how many observations pass between two words on progress.
	progressEvery = 50_000
)

// stagedReading is an observation of an image in the temporary table import_readings.
type stagedReading struct {
	Repo    int32 // number within the import
	Name    string
	At      time.Time
	Count   *int64
	Absent  *int16
	Tag     *string
	Created *string
	Updated *string
}

var stagedReadings = &table[stagedReading]{"import_readings", 0, []column[stagedReading]{
	col("repo_ref", "integer", func(r *stagedReading) *int32 { return &r.Repo }),
	col("name", `text COLLATE "C"`, func(r *stagedReading) *string { return &r.Name }),
	col("at", "timestamptz", func(r *stagedReading) *time.Time { return &r.At }),
	col("pull_count", "bigint", func(r *stagedReading) **int64 { return &r.Count }),
	col("absent", "smallint", func(r *stagedReading) **int16 { return &r.Absent }),
	col("latest_tag", "text", func(r *stagedReading) **string { return &r.Tag }),
	col("create_time", "text", func(r *stagedReading) **string { return &r.Created }),
	col("update_time", "text", func(r *stagedReading) **string { return &r.Updated }),
}}

// stagedLook is a moment at which an archive looked at a repo.
type stagedLook struct {
	Repo     int32
	At       time.Time
	Complete bool
}

var stagedLooks = &table[stagedLook]{"import_looks", 0, []column[stagedLook]{
	col("repo_ref", "integer", func(l *stagedLook) *int32 { return &l.Repo }),
	col("at", "timestamptz", func(l *stagedLook) *time.Time { return &l.At }),
	col("complete", "boolean", func(l *stagedLook) *bool { return &l.Complete }),
}}

// stagedRepo is a repo that observations name.
type stagedRepo struct {
	Ref       int32
	Source    string
	Name      string
	Project   string     // the newest that was given
	ProjectAt *time.Time // when that was
}

var stagedRepos = &table[stagedRepo]{"import_repos", 0, []column[stagedRepo]{
	col("repo_ref", "integer", func(r *stagedRepo) *int32 { return &r.Ref }),
	col("source", `text COLLATE "C"`, func(r *stagedRepo) *string { return &r.Source }),
	col("name", `text COLLATE "C"`, func(r *stagedRepo) *string { return &r.Name }),
	col("project_id", "text", func(r *stagedRepo) *string { return &r.Project }),
	col("project_at", "timestamptz", func(r *stagedRepo) **time.Time { return &r.ProjectAt }),
}}

// staging takes observations as they come into temporary tables.
type staging struct {
	im       *importer
	readings []stagedReading
	looks    []stagedLook
	repos    []stagedRepo
	refs     map[registry.RepoKey]int32
	seen     map[stagedLook]bool // looks staged lately; observations of one look tend to stand together
	months   map[time.Time]bool
}

// stage reads all observations.
func (im *importer) stage(ctx context.Context, observations iter.Seq2[registry.Observation, error]) (*staging, error) {
	st := &staging{im: im, refs: map[registry.RepoKey]int32{}, seen: map[stagedLook]bool{}, months: map[time.Time]bool{}}
	if err := stagedReadings.createTemp(ctx, im.tx); err != nil {
		return nil, err
	}
	if err := stagedLooks.createTemp(ctx, im.tx); err != nil {
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
	if o.At.Before(st.im.horizon.history) {
		sum.TooOld++
		return nil
	}
	repo := st.repo(o)
	st.look(stagedLook{Repo: repo, At: o.At, Complete: o.Look == "complete"})
	if o.Image.Name == "" {
		return nil
	}
	r := stagedReading{
		Repo: repo, Name: o.Image.Name, At: o.At, Tag: optional(o.Image.LatestTag),
		Created: optional(o.Image.Created.Raw), Updated: optional(o.Image.Updated.Raw),
	}
	if o.Absent > 0 {
		weight := int16(o.Absent)
		r.Absent = &weight
	} else {
		r.Count = &o.Image.PullCount
	}
	if st.readings = append(st.readings, r); len(st.readings) < stageRows {
		return nil
	}
	return st.flush(ctx)
}

// flush sends what was gathered.
func (st *staging) flush(ctx context.Context) error {
	if err := stagedReadings.copyIn(ctx, st.im.tx, st.readings); err != nil {
		return err
	}
	if err := stagedLooks.copyIn(ctx, st.im.tx, st.looks); err != nil {
		return err
	}
	st.readings, st.looks = st.readings[:0], st.looks[:0]
	clear(st.seen)
	return nil
}

// repo is the number of the observation's repo within this import.
func (st *staging) repo(o *registry.Observation) int32 {
	ref, known := st.refs[o.Repo.Key]
	if !known {
		ref = int32(len(st.repos))
		st.refs[o.Repo.Key] = ref
		st.repos = append(st.repos, stagedRepo{Ref: ref, Source: o.Repo.Key.Source, Name: o.Repo.Key.Name})
	}
	r, project := &st.repos[ref], o.Repo.ProjectID
	if at := value(r.ProjectAt); project != "" && (o.At.After(at) || o.At.Equal(at) && project > r.Project) {
		r.Project, r.ProjectAt = project, &o.At
	}
	return ref
}

// look notes a moment at which a repo was looked at.
func (st *staging) look(l stagedLook) {
	if st.seen[l] {
		return
	}
	st.seen[l] = true
	st.months[monthOf(l.At)] = true
	st.looks = append(st.looks, l)
}

// createTemp makes the table as a temporary one, which ends with the transaction.
func (t *table[T]) createTemp(ctx context.Context, tx pgx.Tx) error {
	list := make([]string, len(t.columns))
	for i, c := range t.columns {
		list[i] = c.name + " " + c.sql
	}
	_, err := tx.Exec(ctx, "CREATE TEMP TABLE "+t.name+" ("+strings.Join(list, ", ")+") ON COMMIT DROP")
	return err
}
