package store

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// importRepo is a repo that an import touches: what its row said before, and what the import makes of it.
type importRepo struct {
	id         int64
	seen       bool  // its list was read before
	lastLook   int64 // before the import; never when there was none
	newLook    int64 // with the import
	complete   int64 // last look before that proves absence
	gone       int64
	liveLooks  bool // runs have looked at it
	looks      *liveLooks
	added      int64
	dayPulls   map[int32]int64 // by how much the pulls of a day change
	dayImages  map[int32]int64 // by how many the images change, from that day on
	firstSight int64
}

// resolve finds out which repos and images the observations are of, and locks the repos.
func (im *importer) resolve(ctx context.Context, st *staging) error {
	if !im.opt.DryRun {
		if err := im.prepare(ctx, st); err != nil {
			return err
		}
	}
	if err := im.writeRepos(ctx, st); err != nil {
		return err
	}
	if err := im.lockRepos(ctx); err != nil {
		return err
	}
	if err := im.moveLooks(ctx); err != nil {
		return err
	}
	if err := im.numberImages(ctx); err != nil {
		return err
	}
	return im.handOver(ctx)
}

// prepare makes the rows of repos that are not known yet, and the partitions. Both are visible at once and say nothing: like a
// run that claims a repo and dies.
func (im *importer) prepare(ctx context.Context, st *staging) error {
	var sources, names, projects []string
	for _, r := range st.repos {
		sources, names, projects = append(sources, r.key.Source), append(names, r.key.Name), append(projects, r.project)
	}
	if err := addRepos(ctx, im.store.pool, sources, names, projects); err != nil {
		return err
	}
	for month := range st.months {
		if err := im.store.makePartitions(ctx, month, month); err != nil {
			return err
		}
	}
	return nil
}

func (im *importer) writeRepos(ctx context.Context, st *staging) error {
	if err := execAll(ctx, im.write, `
-- name: StageRepos
CREATE TEMP TABLE import_repos (
    repo_ref integer NOT NULL, source text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, project_id text NOT NULL,
    repo_id bigint, first_at timestamptz, last_at timestamptz) ON COMMIT DROP`); err != nil {
		return err
	}
	_, err := im.write.CopyFrom(ctx, pgx.Identifier{"import_repos"}, []string{"repo_ref", "source", "name", "project_id"},
		pgx.CopyFromSlice(len(st.repos), func(i int) ([]any, error) {
			r := &st.repos[i]
			return []any{int32(i), r.key.Source, r.key.Name, r.project}, nil
		}))
	if err != nil {
		return err
	}
	return execAll(ctx, im.write, `
-- name: FindRepos
UPDATE import_repos k SET
    -- In a dry run new repos have no row; numbers that no row can have stand in for them.
    repo_id = COALESCE((SELECT r.repo_id FROM syncer.repos r WHERE r.source = k.source AND r.name = k.name), 1073741824 + k.repo_ref)`, `
-- name: SpanOfRepos
UPDATE import_repos k SET first_at = l.first_at, last_at = l.last_at
FROM (SELECT repo_ref, min(at) AS first_at, max(at) AS last_at FROM import_looks GROUP BY repo_ref) l
WHERE l.repo_ref = k.repo_ref`, "ANALYZE import_repos", "ANALYZE import_names")
}

// lockRepos locks the rows of the repos, in the order in which everybody locks them, and takes from them what is needed.
func (im *importer) lockRepos(ctx context.Context) error {
	if !im.opt.DryRun {
		if err := execAll(ctx, im.write, `
-- name: LockImportedRepos
SELECT r.repo_id FROM syncer.repos r WHERE r.repo_id IN (SELECT repo_id FROM import_repos) ORDER BY r.repo_id FOR NO KEY UPDATE`); err != nil {
			return err
		}
	}
	rows, err := im.write.Query(ctx, `
-- name: ImportedRepos
SELECT k.repo_id, r.first_seen_at, r.last_look_at, r.last_complete_at, r.gone_at, r.last_attempt_at IS NOT NULL, k.first_at, k.last_at
FROM import_repos k
LEFT JOIN syncer.repos r USING (repo_id)`)
	if err != nil {
		return err
	}
	var id int64
	var firstSeen, lastLook, complete, gone, first, last *time.Time
	var live *bool
	_, err = pgx.ForEachRow(rows, []any{&id, &firstSeen, &lastLook, &complete, &gone, &live, &first, &last}, func() error {
		im.repos[id] = &importRepo{
			id: id, seen: firstSeen != nil, lastLook: momentOr(lastLook), newLook: max(momentOr(lastLook), momentOr(last)),
			complete: momentOr(complete), gone: momentOr(gone), liveLooks: value(live), firstSight: momentOr(first),
			dayPulls: map[int32]int64{}, dayImages: map[int32]int64{},
		}
		firstSeen, lastLook, complete, gone, live, first, last = nil, nil, nil, nil, nil, nil, nil
		return nil
	})
	im.sum.Repos = int64(len(im.repos))
	return err
}

// moveLooks gives the images of repos whose last look will be a later one a time of their own: they were seen by the one before.
func (im *importer) moveLooks(ctx context.Context) error {
	if im.opt.DryRun {
		return nil
	}
	return execAll(ctx, im.write, `
-- name: KeepLastSeen
UPDATE syncer.images i SET last_seen_at = r.last_look_at
FROM syncer.repos r
JOIN import_repos k USING (repo_id)
WHERE i.repo_id = r.repo_id AND i.last_seen_at IS NULL AND r.last_look_at < k.last_at`)
}

// numberImages finds the ids of the images and gives ids to new ones.
func (im *importer) numberImages(ctx context.Context) error {
	if err := execAll(ctx, im.write, `
-- name: NumberImages
CREATE TEMP TABLE import_images ON COMMIT DROP AS
SELECT n.repo_id, n.name, i.image_id IS NOT NULL AS known,
       COALESCE(i.image_id, (n.repo_id << 32) + COALESCE(r.next_image, 1) - 1
                            + row_number() OVER (PARTITION BY n.repo_id, i.image_id IS NULL ORDER BY n.name)) AS image_id
FROM (SELECT DISTINCT k.repo_id, n.name FROM import_names n JOIN import_repos k USING (repo_ref)) n
LEFT JOIN syncer.repos r ON r.repo_id = n.repo_id
LEFT JOIN syncer.images i ON i.repo_id = n.repo_id AND i.name = n.name`, "ANALYZE import_images"); err != nil {
		return err
	}
	return im.write.QueryRow(ctx, "-- name: CountImportedImages\nSELECT count(*) FROM import_images").Scan(&im.sum.Images)
}

// handOver tells the reading connection what the images' ids are.
func (im *importer) handOver(ctx context.Context) error {
	if err := execAll(ctx, im.read, `
-- name: StageIDs
CREATE TEMP TABLE import_ids (ref bigint NOT NULL, image_id bigint NOT NULL, known boolean NOT NULL) ON COMMIT DROP`); err != nil {
		return err
	}
	r, w := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		_, err := im.write.Conn().PgConn().CopyTo(ctx, w, `COPY (
SELECT n.ref, i.image_id, i.known
FROM import_names n JOIN import_repos k USING (repo_ref) JOIN import_images i ON i.repo_id = k.repo_id AND i.name = n.name
) TO STDOUT BINARY`)
		w.CloseWithError(err)
		sent <- err
	}()
	_, err := im.read.Conn().PgConn().CopyFrom(ctx, r, "COPY import_ids FROM STDIN BINARY")
	r.CloseWithError(err)
	if sentErr := <-sent; err == nil {
		err = sentErr
	}
	if err != nil {
		return err
	}
	return execAll(ctx, im.read, "ANALYZE import_ids", "ANALYZE import_sights")
}

// liveLooks are the looks of runs at one repo, in order.
type liveLooks struct {
	all    []int64 // those that read the list
	proofs []int64 // those that prove absence
}

// liveLooksOf reads them once a repo.
func (im *importer) liveLooksOf(ctx context.Context, r *importRepo) (*liveLooks, error) {
	if r.looks != nil {
		return r.looks, nil
	}
	r.looks = &liveLooks{}
	if !r.liveLooks {
		return r.looks, nil
	}
	// What a look with rejected rows proves cannot be told any more: an image without a readable name may have been any.
	rows, err := im.write.Query(ctx, `
-- name: LiveLooks
SELECT finished_at, complete AND status = 'ok' AND rows_rejected = 0
FROM syncer.repo_syncs WHERE repo_id = $1 AND status IN ('ok', 'drifting', 'held')
ORDER BY finished_at`, r.id)
	if err != nil {
		return nil, err
	}
	var at time.Time
	var proves bool
	_, err = pgx.ForEachRow(rows, []any{&at, &proves}, func() error {
		m := momentOf(at)
		r.looks.all = append(r.looks.all, m)
		if proves {
			r.looks.proofs = append(r.looks.proofs, m)
		}
		return nil
	})
	return r.looks, err
}

// around are the looks that decide what a different count at the moment amounts to: the last before it, one at it, and
// the two that follow.
func (l *liveLooks) around(at int64) []int64 {
	i, _ := slices.BinarySearch(l.all, at)
	end := min(len(l.all), i+2)
	if i < len(l.all) && l.all[i] == at {
		end = min(len(l.all), i+3)
	}
	return l.all[max(0, i-1):end]
}

// hold tells whether there was a look at a moment.
func (l *liveLooks) hold(at int64) bool {
	_, found := slices.BinarySearch(l.all, at)
	return found
}

// proofBefore is the last proof of absence before a moment; never when there is none.
func (l *liveLooks) proofBefore(at int64) int64 {
	if i, _ := slices.BinarySearch(l.proofs, at); i > 0 {
		return l.proofs[i-1]
	}
	return never
}

// proofsAfter are the proofs of absence after a moment.
func (l *liveLooks) proofsAfter(at int64) []int64 {
	i, _ := slices.BinarySearch(l.proofs, at+1)
	return l.proofs[i:]
}
