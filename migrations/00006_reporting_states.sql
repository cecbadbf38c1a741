-- What nobody pulls, and the registry as it was: functions about the state of images rather than their pulls.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION reporting.stale_images(days integer)
RETURNS TABLE (source text, project_id text, repo text, image text, pull_count bigint, latest_tag text,
               first_seen_at timestamptz, last_seen_at timestamptz, last_pulled_at timestamptz, days_without_pull bigint,
               days_looked_at bigint, days_total bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
    hi    timestamptz := syncer.report_now();
    lo    timestamptz := hi - make_interval(hours => 24 * $1);
    today date := (hi AT TIME ZONE 'UTC')::date;
BEGIN
    IF $1 < 1 THEN
        RAISE 'days must be 1 or more, not %', $1 USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    WITH looked AS MATERIALIZED (
        SELECT r.repo_id, r.source, r.project_id, r.name, r.last_look_at, l.looked_at
        FROM syncer.repos r
        CROSS JOIN LATERAL (SELECT COUNT(*) AS looked_at
                            FROM syncer.repo_days d
                            WHERE d.repo_id = r.repo_id AND d.day >= today - $1 AND d.day < today AND d.looks > 0) l
        WHERE l.looked_at = $1
    )
    SELECT l.source, l.project_id, l.name, i.name, i.pull_count, NULLIF(i.latest_tag, ''), i.first_seen_at,
           COALESCE(i.last_seen_at, l.last_look_at), i.last_pulled_at,
           floor(EXTRACT(EPOCH FROM hi - COALESCE(i.last_pulled_at, i.first_seen_at)) / 86400)::bigint,
           l.looked_at, $1::bigint
    FROM looked l
    JOIN syncer.images i USING (repo_id)
    WHERE COALESCE(i.last_pulled_at, i.first_seen_at) <= lo
      AND i.deleted_at IS NULL
      AND i.missing_since IS NULL
      -- An image whose count could not be read of late was not looked at in the sense of this question.
      AND COALESCE(i.last_counted_at, i.last_seen_at, l.last_look_at) >= (today - 1)::timestamp AT TIME ZONE 'UTC'
      AND i.pull_count IS NOT NULL
    ORDER BY COALESCE(i.last_pulled_at, i.first_seen_at), i.image_id;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reporting.stale_images(integer) IS
'Images that are there and of which no pull was noticed for the last days x 24 hours, longest first, provided their repo was looked at on every one of the days UTC days before today (days_looked_at of days_total). An image seen for the first time within that span is not stale yet.';

-- +goose StatementBegin
CREATE FUNCTION reporting.images_as_of(at timestamptz)
RETURNS TABLE (source text, project_id text, repo text, image text, pull_count bigint, observed_at timestamptz,
               kind text, generation bigint, rollup_day date)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
    floor timestamptz := syncer.history_floor();
    until date := LEAST(($1 AT TIME ZONE 'UTC')::date, 'infinity'::date); -- days before it had ended
BEGIN
    RETURN QUERY
    WITH gone AS (
        SELECT DISTINCT ON (e.image_id) e.image_id, e.event
        FROM syncer.events e
        WHERE e.at <= $1 AND e.event IN ('deleted', 'reappeared')
        ORDER BY e.image_id, e.at DESC
    )
    SELECT r.source, r.project_id, r.name, i.name,
           COALESCE(c.pull_count, h.pull_count, d.pull_count),
           COALESCE(c.observed_at, h.observed_at),
           syncer.kind_name(COALESCE(c.kind, h.kind)),
           COALESCE(c.generation, h.generation)::bigint,
           d.day
    FROM syncer.images i
    JOIN syncer.repos r USING (repo_id)
    LEFT JOIN gone g ON g.image_id = i.image_id AND g.event = 'deleted'
    -- Most images did not change since: what is known of them now was known then.
    LEFT JOIN LATERAL (SELECT i.pull_count, i.observed_at, i.kind, i.generation WHERE i.observed_at <= $1) c ON true
    LEFT JOIN LATERAL (SELECT x.pull_count, x.observed_at, x.kind, x.generation
                       FROM syncer.readings x
                       WHERE c.observed_at IS NULL AND x.image_id = i.image_id AND x.observed_at <= $1 AND x.kind IS NOT NULL
                       ORDER BY x.observed_at DESC
                       LIMIT 1) h ON true
    LEFT JOIN LATERAL (SELECT x.pull_count, x.day
                       FROM syncer.image_days x
                       WHERE c.observed_at IS NULL AND h.observed_at IS NULL AND i.first_seen_at < floor
                         AND x.image_id = i.image_id AND x.day < until
                       ORDER BY x.day DESC
                       LIMIT 1) d ON true
    WHERE i.first_seen_at <= $1
      AND (i.deleted_at IS NULL OR i.deleted_at > $1)
      AND g.image_id IS NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reporting.images_as_of(timestamptz) IS
'The registry as it was known at that moment: images seen by then and not found deleted, each with the count of its last change until then. Where the history is no longer kept, the count is that of the last UTC day that had ended (rollup_day), and observed_at, kind and generation are NULL.';

-- Whoever may use the schema is granted them one by one; PUBLIC has no business in functions that run as their owner.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA reporting FROM PUBLIC;

-- +goose Down
DROP FUNCTION reporting.images_as_of, reporting.stale_images;
