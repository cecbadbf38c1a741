package store

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ExportOptions say what Export writes. Empty filters take everything.
type ExportOptions struct {
	Since, Until        time.Time // observations from Since to before Until; zero leaves a side open
	Source, Repo, Image string
	CSV                 bool // with a header; otherwise a JSON object a line
}

// Export writes the observations that the history was made of, as far as they matter: the first and the last of every run of
// equal counts, and one for each look at a repo that is not among these. An import of them into an empty database gives the
// same history. It returns how many were written, and streams: nothing is gathered in memory.
func (s *Store) Export(ctx context.Context, w io.Writer, opt ExportOptions) (int64, error) {
	var n int64
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// COPY takes no arguments, so they are handed over as settings of the transaction. Of everything, joins by index would
		// take for ever, and how much it is can be estimated badly.
		if _, err := tx.Exec(ctx, `
-- name: ExportSettings
SELECT set_config('syncer.export_since', $1, true), set_config('syncer.export_until', $2, true),
       set_config('syncer.export_source', $3, true), set_config('syncer.export_repo', $4, true),
       set_config('syncer.export_image', $5, true), set_config('jit', 'off', true), set_config('work_mem', '64MB', true),
       set_config('enable_nestloop', $6, true)`,
			bound(opt.Since, "-infinity"), bound(opt.Until, "infinity"), opt.Source, opt.Repo, opt.Image,
			map[bool]string{true: "off", false: "on"}[opt.Source+opt.Repo+opt.Image == ""]); err != nil {
			return err
		}
		query := exportSQL(opt)
		// One column without quotes or separators: JSON has no control characters of its own.
		sql := "COPY (SELECT json_strip_nulls(row_to_json(o)) FROM (" + query + ") o) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
		if opt.CSV {
			sql = "COPY (" + query + ") TO STDOUT (FORMAT csv, HEADER)"
		}
		tag, err := tx.Conn().PgConn().CopyTo(ctx, w, sql)
		n = tag.RowsAffected()
		return err
	})
	return n, databaseError("export", err)
}

func bound(t time.Time, open string) string {
	if t.IsZero() {
		return open
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// exportMoment writes a moment the way archives have it.
func exportMoment(column string) string {
	return fmt.Sprintf(`to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`, column)
}

// exportSQL has a row an observation. Tag and UpdateTime are known of the last sight alone, CreateTime of the present generation;
// that of an earlier one stands in for the time the registry gave, which tells it from the next and says nothing else.
func exportSQL(opt ExportOptions) string {
	conditions := []string{"true"}
	for _, filter := range []struct{ value, column, setting string }{
		{opt.Source, "r.source", "syncer.export_source"}, {opt.Repo, "r.name", "syncer.export_repo"}, {opt.Image, "i.name", "syncer.export_image"},
	} {
		if filter.value != "" {
			conditions = append(conditions, filter.column+" = current_setting('"+filter.setting+"')")
		}
	}
	wanted := strings.Join(conditions, " AND ")
	return `
-- name: Export
WITH wanted AS (
    SELECT i.*, r.source, r.project_id, r.name AS repo, COALESCE(i.last_counted_at, i.last_seen_at, r.last_look_at) AS counted_at
    FROM syncer.images i
    JOIN syncer.repos r USING (repo_id)
    WHERE ` + wanted + `
), runs AS (
    SELECT h.image_id, h.observed_at AS first_at, h.pull_count, h.generation, CASE WHEN h.kind = 2 THEN h.since END AS absent_at,
           LEAD(h.since) OVER w AS next_since
    FROM syncer.history h
    WHERE h.image_id IN (SELECT image_id FROM wanted)
    WINDOW w AS (PARTITION BY h.image_id ORDER BY h.observed_at)
), ends AS (
    SELECT u.*, COALESCE(u.next_since, m.counted_at) AS last_at FROM runs u JOIN wanted m USING (image_id)
), sights AS (
    SELECT image_id, first_at AS at, pull_count, generation, absent_at FROM ends
    UNION ALL
    SELECT image_id, last_at, pull_count, generation, NULL FROM ends WHERE last_at > first_at
), looks AS (
    SELECT repo_id, finished_at AS at FROM syncer.repo_syncs WHERE status IN ('ok', 'drifting', 'held')
    UNION
    SELECT repo_id, at FROM syncer.archived_looks
), silent AS (
    SELECT repo_id, at FROM looks WHERE repo_id IN (SELECT repo_id FROM wanted)
    EXCEPT
    SELECT image_id >> 32, at FROM sights
), observations AS (
    SELECT * FROM sights
    UNION ALL
    -- Any image that was there then bears witness that somebody looked.
    SELECT c.image_id, s.at, c.pull_count, c.generation, NULL
    FROM silent s
    CROSS JOIN LATERAL (
        SELECT i.image_id, h.pull_count, h.generation
        FROM syncer.images i
        JOIN syncer.repos r ON r.repo_id = s.repo_id
        CROSS JOIN LATERAL (SELECT x.observed_at, x.pull_count, x.generation
                            FROM syncer.history x
                            WHERE x.image_id = i.image_id AND x.observed_at < s.at
                            ORDER BY x.observed_at DESC
                            LIMIT 1) h
        WHERE i.image_id > s.repo_id << 32 AND i.image_id < (s.repo_id + 1) << 32 AND ` + wanted + `
          AND s.at < COALESCE((SELECT x.since
                               FROM syncer.history x
                               WHERE x.image_id = i.image_id AND x.observed_at > h.observed_at
                               ORDER BY x.observed_at
                               LIMIT 1), i.last_counted_at, i.last_seen_at, r.last_look_at)
        ORDER BY i.image_id
        LIMIT 1) c
)
SELECT ` + exportMoment("o.at") + ` AS observed_at, m.source, m.project_id, m.repo, m.name AS image, o.pull_count,
       CASE WHEN o.at = m.counted_at THEN m.latest_tag END AS latest_tag,
       CASE WHEN o.generation = m.generation THEN m.create_time_raw
            ELSE to_char('epoch'::timestamptz + o.generation * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END AS create_time,
       CASE WHEN o.at = m.counted_at THEN m.update_time_raw END AS update_time,
       ` + exportMoment("o.absent_at") + ` AS absent_at,
       CASE WHEN o.at = m.counted_at THEN ` + exportMoment("m.missing_since") + ` END AS missing_since,
       CASE WHEN o.at = m.counted_at THEN ` + exportMoment("m.deleted_at") + ` END AS deleted_at
FROM observations o
JOIN wanted m USING (image_id)
WHERE o.at >= current_setting('syncer.export_since')::timestamptz AND o.at < current_setting('syncer.export_until')::timestamptz`
}
