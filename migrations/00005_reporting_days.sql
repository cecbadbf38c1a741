-- Pulls by the days of a zone. What was pulled is known by windows between two looks; here they are laid over local midnights.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION syncer.local_midnights(from_day date, to_day date, tz text) RETURNS timestamptz[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(d::timestamp AT TIME ZONE tz ORDER BY d)
    FROM (SELECT from_day + n AS d FROM generate_series(0, to_day - from_day + 1) n) x
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.local_midnights(date, date, text) IS 'Starts of the local days from from_day to the day after to_day. Day n lasts from the nth to before the next.';

-- +goose StatementBegin
CREATE FUNCTION syncer.images_asked_for(in_source text, in_repo text, in_image text) RETURNS bigint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN $1 IS NULL AND $2 IS NULL AND $3 IS NULL THEN NULL ELSE
        ARRAY(SELECT i.image_id
              FROM syncer.images i
              JOIN syncer.repos r USING (repo_id)
              WHERE ($1 IS NULL OR r.source = $1) AND ($2 IS NULL OR r.name = $2) AND ($3 IS NULL OR i.name = $3)) END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.images_asked_for(text, text, text) IS 'Ids of the images that the filters leave; NULL when there is no filter.';

-- +goose StatementBegin
CREATE FUNCTION syncer.pull_shares(midnights timestamptz[], ids bigint[], by_repo boolean)
RETURNS TABLE (id bigint, n integer, pulls numeric, split boolean, noticed boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
    days  integer := array_length($1, 1) - 1;
    lo    timestamptz := $1[1];
    hi    timestamptz := $1[days + 1];
    floor timestamptz := syncer.history_floor();
BEGIN
    RETURN QUERY
    WITH noticed AS NOT MATERIALIZED (
        SELECT h.image_id, h.since, h.observed_at, h.pulls
        FROM syncer.readings h
        WHERE h.observed_at > lo AND h.observed_at <= hi AND h.pulls > 0
          AND ($2 IS NULL OR h.image_id = ANY ($2))
        UNION ALL
        -- The windows of an image do not overlap: only the first that ends after the days asked for can begin in them.
        SELECT i.image_id, h.since, h.observed_at, h.pulls
        FROM syncer.images i
        CROSS JOIN LATERAL (SELECT x.since, x.observed_at, x.pulls
                            FROM syncer.readings x
                            WHERE x.image_id = i.image_id AND x.observed_at > hi AND x.kind IS NOT NULL
                            ORDER BY x.observed_at
                            LIMIT 1) h
        WHERE hi < syncer.report_now() AND h.since < hi AND h.pulls > 0 AND ($2 IS NULL OR i.image_id = ANY ($2))
        UNION ALL
        -- Months whose history is no longer kept: a UTC day of the roll-up is a window of its own.
        SELECT d.image_id, d.day::timestamp AT TIME ZONE 'UTC', (d.day + 1)::timestamp AT TIME ZONE 'UTC', d.pulls
        FROM syncer.image_days d
        WHERE d.day < (floor AT TIME ZONE 'UTC')::date AND d.pulls > 0
          AND d.day >= (lo AT TIME ZONE 'UTC')::date - 1 AND d.day <= (hi AT TIME ZONE 'UTC')::date
          AND ($2 IS NULL OR d.image_id = ANY ($2))
    ), windows AS (
        SELECT w.image_id AS id, w.since, w.observed_at, w.pulls::numeric FROM noticed w WHERE NOT $3
        UNION ALL
        -- A look ends the same window for all images of a repo that were pulled: fifty times fewer to split.
        SELECT w.image_id >> 32, w.since, w.observed_at, SUM(w.pulls) FROM noticed w WHERE $3 GROUP BY 1, 2, 3
    ), placed AS (
        -- A window is open at its start and closed at its end; n1 = n0 when no midnight lies inside.
        SELECT w.id, w.since, w.observed_at, w.pulls, width_bucket(COALESCE(w.since, w.observed_at), $1) AS n0,
               width_bucket(w.observed_at - interval '1 microsecond', $1) AS n1, width_bucket(w.observed_at, $1) AS look
        FROM windows w
    ), shares AS (
        SELECT p.id, p.n1 AS n, p.pulls, false AS split, p.look = p.n1 AS noticed
        FROM placed p
        WHERE p.n0 >= p.n1 AND p.n1 BETWEEN 1 AND days
        UNION ALL
        -- Each midnight is given the pulls before it, rounded; the differences are whole and add up to the window's.
        SELECT p.id, k.n,
               CASE WHEN k.n = p.n1 THEN p.pulls
                    ELSE round(p.pulls * EXTRACT(EPOCH FROM $1[k.n + 1] - p.since)
                                       / EXTRACT(EPOCH FROM p.observed_at - p.since)) END
             - CASE WHEN k.n = p.n0 THEN 0
                    ELSE round(p.pulls * EXTRACT(EPOCH FROM $1[k.n] - p.since)
                                       / EXTRACT(EPOCH FROM p.observed_at - p.since)) END,
               true, k.n = p.look
        FROM placed p
        CROSS JOIN LATERAL generate_series(GREATEST(p.n0, 1), LEAST(p.n1, days)) k(n)
        WHERE p.n0 < p.n1
    )
    SELECT s.id, s.n, SUM(s.pulls), bool_or(s.split), bool_or(s.noticed)
    FROM shares s
    GROUP BY 1, 2;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.pull_shares(timestamptz[], bigint[], boolean) IS
'Pulls by image (or repo) and local day n, windows split over the midnights pro rata to elapsed time. split: a share of a split window is in it; noticed: a look that day saw pulls.';

-- +goose StatementBegin
CREATE FUNCTION syncer.days_looked_at(midnights timestamptz[], in_source text, in_repo text)
RETURNS TABLE (repo_id bigint, n integer)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.repo_id, k.n
    FROM syncer.repos r
    CROSS JOIN generate_series(1, array_length($1, 1) - 1) k(n)
    -- The roll-up answers for a look whose own record is no longer kept; the day it falls on is then that of its UTC noon.
    LEFT JOIN syncer.repo_days d ON d.repo_id = r.repo_id AND d.looks > 0
        AND d.day = (($1[k.n] + ($1[k.n + 1] - $1[k.n]) / 2) AT TIME ZONE 'UTC')::date
    WHERE ($2 IS NULL OR r.source = $2) AND ($3 IS NULL OR r.name = $3)
      AND (EXISTS (SELECT FROM syncer.looks s
                   WHERE s.repo_id = r.repo_id AND s.at >= $1[k.n] AND s.at < $1[k.n + 1]
                     AND s.weight IS NOT NULL AND s.status <> 'gone')
           OR (d.repo_id IS NOT NULL
               AND NOT EXISTS (SELECT FROM syncer.looks s
                               WHERE s.repo_id = r.repo_id AND s.weight IS NOT NULL AND s.status <> 'gone'
                                 AND s.at >= d.day::timestamp AT TIME ZONE 'UTC'
                                 AND s.at < (d.day + 1)::timestamp AT TIME ZONE 'UTC')));
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.days_looked_at(timestamptz[], text, text) IS 'Local days n on which a repo''s list was read.';

-- +goose StatementBegin
CREATE FUNCTION reporting.pulls_by_day(from_day date, to_day date, tz text, in_source text DEFAULT NULL,
                                       in_repo text DEFAULT NULL, in_image text DEFAULT NULL)
RETURNS TABLE (day date, source text, project_id text, repo text, image text, pulls bigint, flag text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
    today  date := (syncer.report_now() AT TIME ZONE $3)::date;
    first  date := GREATEST($1, (SELECT (MIN(LEAST(i.first_seen_at, i.absent_at)) AT TIME ZONE $3)::date FROM syncer.images i));
    last   date := LEAST($2, today + 366);
    bounds timestamptz[] := syncer.local_midnights(first, last, $3);
    days   integer := last - first + 1;
BEGIN
    IF bounds IS NULL OR days < 1 THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH scope AS MATERIALIZED (
        SELECT i.image_id, r.repo_id, r.source, r.project_id, r.name AS repo, i.name AS image, GREATEST(r.last_look_at, r.last_archived_at) AS last_look_at,
               CASE WHEN i.absent_at IS NULL THEN width_bucket(i.first_seen_at, bounds) END AS baseline_n,
               width_bucket(i.first_seen_at, bounds) AS n0,
               width_bucket(COALESCE(i.deleted_at, 'infinity'), bounds) AS n1
        FROM syncer.images i
        JOIN syncer.repos r USING (repo_id)
        WHERE ($4 IS NULL OR r.source = $4) AND ($5 IS NULL OR r.name = $5) AND ($6 IS NULL OR i.name = $6)
    ), filled AS (
        SELECT x.image_id, x.n, SUM(x.pulls) AS pulls, bool_or(x.split) AS split, bool_or(x.noticed) AS noticed
        FROM (SELECT p.id AS image_id, p.n, p.pulls, p.split, p.noticed
              FROM syncer.pull_shares(bounds, syncer.images_asked_for($4, $5, $6), false) p
              UNION ALL
              SELECT s.image_id, k.n, NULL, false, false
              FROM scope s
              CROSS JOIN LATERAL generate_series(GREATEST(s.n0, 1), LEAST(s.n1, days, today - first + 1)) k(n)
              WHERE bounds[k.n] < bounds[k.n + 1]) x -- a zone that moved over the date line has days of no length
        GROUP BY x.image_id, x.n
    )
    SELECT first + f.n - 1, s.source, s.project_id, s.repo, s.image,
           CASE WHEN f.pulls IS NOT NULL THEN syncer.capped(f.pulls)
                WHEN f.n = s.baseline_n OR bounds[f.n] > s.last_look_at OR s.last_look_at IS NULL THEN NULL
                ELSE 0 END,
           CASE WHEN first + f.n - 1 = today THEN 'partial'
                WHEN l.repo_id IS NULL AND NOT f.noticed THEN 'gap'
                WHEN f.split THEN 'estimated'
                ELSE 'observed' END
    FROM filled f
    JOIN scope s USING (image_id)
    LEFT JOIN syncer.days_looked_at(bounds, $4, $5) l ON l.repo_id = s.repo_id AND l.n = f.n;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reporting.pulls_by_day(date, date, text, text, text, text) IS
'Pulls by image and local day of zone tz (an IANA name), a row for every day from the image''s first sight to its deletion or today, in no particular order. A window that crosses midnight is split pro rata to elapsed time in whole pulls that add up. flag: observed; estimated (a share of a split window is in it); gap (nobody looked at the repo that day; pulls come from a later look''s window); partial (today, not over yet). pulls is NULL where it is not known: on the day of a baseline, and after the last look. in_source, in_repo and in_image, where given, choose what is computed and make it fast.';

-- +goose StatementBegin
CREATE FUNCTION reporting.repo_pulls_by_day(from_day date, to_day date, tz text, in_source text DEFAULT NULL,
                                            in_repo text DEFAULT NULL)
RETURNS TABLE (day date, source text, project_id text, repo text, pulls bigint, flag text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
    today  date := (syncer.report_now() AT TIME ZONE $3)::date;
    first  date := GREATEST($1, (SELECT (MIN(LEAST(i.first_seen_at, i.absent_at)) AT TIME ZONE $3)::date FROM syncer.images i));
    last   date := LEAST($2, today + 366);
    bounds timestamptz[] := syncer.local_midnights(first, last, $3);
    days   integer := last - first + 1;
BEGIN
    IF bounds IS NULL OR days < 1 THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH scope AS MATERIALIZED (
        SELECT r.repo_id, r.source, r.project_id, r.name AS repo, GREATEST(r.last_look_at, r.last_archived_at) AS last_look_at, width_bucket(r.first_seen_at, bounds) AS n0
        FROM syncer.repos r
        WHERE ($4 IS NULL OR r.source = $4) AND ($5 IS NULL OR r.name = $5) AND r.first_seen_at IS NOT NULL
    ), filled AS (
        SELECT x.repo_id, x.n, SUM(x.pulls) AS pulls, bool_or(x.split) AS split, bool_or(x.noticed) AS noticed
        FROM (SELECT p.id AS repo_id, p.n, p.pulls, p.split, p.noticed
              FROM syncer.pull_shares(bounds, syncer.images_asked_for($4, $5, NULL), true) p
              UNION ALL
              SELECT s.repo_id, k.n, NULL, false, false
              FROM scope s
              CROSS JOIN LATERAL generate_series(GREATEST(s.n0, 1), LEAST(days, today - first + 1)) k(n)
              WHERE bounds[k.n] < bounds[k.n + 1]) x
        GROUP BY x.repo_id, x.n
    )
    SELECT first + f.n - 1, s.source, s.project_id, s.repo,
           CASE WHEN f.pulls IS NOT NULL THEN syncer.capped(f.pulls)
                WHEN bounds[f.n] > s.last_look_at THEN NULL
                ELSE 0 END,
           CASE WHEN first + f.n - 1 = today THEN 'partial'
                WHEN l.repo_id IS NULL AND NOT f.noticed THEN 'gap'
                WHEN f.split THEN 'estimated'
                ELSE 'observed' END
    FROM filled f
    JOIN scope s USING (repo_id)
    LEFT JOIN syncer.days_looked_at(bounds, $4, $5) l ON l.repo_id = s.repo_id AND l.n = f.n;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reporting.repo_pulls_by_day(date, date, text, text, text) IS
'pulls_by_day of whole repos, with its flags, far cheaper than its sum: windows are split once for all images that share them, so a day may differ from that sum by what rounding moves over midnight. A row for every local day since the repo was first seen.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA reporting FROM PUBLIC;

-- +goose Down
DROP FUNCTION reporting.repo_pulls_by_day, reporting.pulls_by_day, syncer.days_looked_at, syncer.pull_shares,
    syncer.images_asked_for, syncer.local_midnights;
