-- Pulls by the days of a zone. What was pulled is known by windows between two looks; here they are laid over local midnights.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION syncer.local_midnights(from_day date, to_day date, tz text) RETURNS timestamptz[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- a day of an interval is 24 hours
AS $$
    -- Midnight by the offset of the day before and by that of the day after. Where they differ, clocks were moved: back, and there may
    -- be two midnights, of which the first begins the day; or forward, over a midnight that there never was. AT TIME ZONE alone would
    -- take the second of two, and count the first hour to the day before.
    SELECT array_agg(CASE WHEN LEAST(old, new) AT TIME ZONE tz = midnight THEN LEAST(old, new)
                          WHEN GREATEST(old, new) AT TIME ZONE tz = midnight THEN GREATEST(old, new)
                          ELSE (SELECT MIN(t) FROM generate_series(new, old, interval '1 minute') t WHERE t AT TIME ZONE tz >= midnight)
                     END ORDER BY midnight)
    FROM (SELECT (from_day + n)::timestamp AS midnight, (from_day + n)::timestamp AT TIME ZONE 'UTC' AS utc
          FROM generate_series(0, to_day - from_day + 1) n) d
    CROSS JOIN LATERAL (
        SELECT utc - ((utc - interval '24 hours') AT TIME ZONE tz - midnight) - interval '24 hours' AS old,
               utc - ((utc + interval '24 hours') AT TIME ZONE tz - midnight) + interval '24 hours' AS new) m
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.local_midnights(date, date, text) IS 'Starts of the local days from from_day to the day after to_day: the first moment of each, and of a day that the zone skipped that of the next. Day n lasts from the nth to before the next.';

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
        WHERE p.n0 < p.n1 AND $1[k.n] < $1[k.n + 1] -- a zone that moved over the date line has days of no length
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
                     AND s.weight IS NOT NULL)
           OR (d.repo_id IS NOT NULL
               AND NOT EXISTS (SELECT FROM syncer.looks s
                               WHERE s.repo_id = r.repo_id AND s.weight IS NOT NULL
                                 AND s.at >= d.day::timestamp AT TIME ZONE 'UTC'
                                 AND s.at < (d.day + 1)::timestamp AT TIME ZONE 'UTC')));
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.days_looked_at(timestamptz[], text, text) IS 'Local days n on which a repo''s list was read, by a run or an archive, or that by which the repo is gone.';

-- +goose StatementBegin
CREATE FUNCTION syncer.pulls_of_days(from_day date, to_day date, tz text, in_source text, in_repo text, in_image text, by_repo boolean)
RETURNS TABLE (day date, id bigint, repo_id bigint, pulls bigint, flag text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
    today  date := (syncer.report_now() AT TIME ZONE $3)::date;
    first  date := GREATEST($1, (SELECT MIN(r.first_seen_at) AT TIME ZONE $3 FROM syncer.repos r)::date);
    last   date := LEAST($2, today + 366);
    bounds timestamptz[] := syncer.local_midnights(first, last, $3);
    days   integer := last - first + 1;
BEGIN
    IF bounds IS NULL OR days < 1 THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH repos AS MATERIALIZED (
        SELECT r.repo_id, width_bucket(r.first_seen_at, bounds) AS n0, GREATEST(r.last_look_at, r.last_archived_at) AS last_look_at
        FROM syncer.repos r
        WHERE ($4 IS NULL OR r.source = $4) AND ($5 IS NULL OR r.name = $5) AND r.first_seen_at IS NOT NULL
    ), scope AS MATERIALIZED (
        SELECT r.repo_id AS id, r.repo_id, r.n0, days AS n1, NULL::integer AS baseline_n, r.last_look_at FROM repos r WHERE $7
        UNION ALL
        SELECT i.image_id, r.repo_id, width_bucket(i.first_seen_at, bounds), width_bucket(COALESCE(i.deleted_at, 'infinity'), bounds),
               CASE WHEN i.absent_at IS NULL THEN width_bucket(i.first_seen_at, bounds) END, r.last_look_at
        FROM syncer.images i
        JOIN repos r USING (repo_id)
        WHERE NOT $7 AND ($6 IS NULL OR i.name = $6) AND i.first_seen_at IS NOT NULL
    ), away AS MATERIALIZED (
        SELECT DISTINCT a.repo_id, k.n
        FROM syncer.repo_absences a
        CROSS JOIN LATERAL generate_series(GREATEST(width_bucket(a.since, bounds) + 1, 1), LEAST(width_bucket(a.until, bounds) - 1, days)) k(n)
    ), looked AS MATERIALIZED (
        SELECT l.repo_id, l.n FROM syncer.days_looked_at(bounds, $4, $5) l
    ), filled AS (
        SELECT x.id, x.n, SUM(x.pulls) AS pulls, bool_or(x.split) AS split, bool_or(x.noticed) AS noticed
        FROM (SELECT p.id, p.n, p.pulls, p.split, p.noticed
              FROM syncer.pull_shares(bounds, syncer.images_asked_for($4, $5, $6), $7) p
              UNION ALL
              SELECT s.id, k.n, NULL, false, false
              FROM scope s
              CROSS JOIN LATERAL generate_series(GREATEST(s.n0, 1), LEAST(s.n1, days, today - first + 1)) k(n)
              WHERE bounds[k.n] < bounds[k.n + 1]) x
        GROUP BY x.id, x.n
    )
    SELECT first + f.n - 1, s.id, s.repo_id,
           CASE WHEN f.pulls IS NOT NULL THEN syncer.capped(f.pulls)
                WHEN f.n = s.baseline_n OR bounds[f.n] > s.last_look_at OR s.last_look_at IS NULL THEN NULL
                ELSE 0 END,
           CASE WHEN first + f.n - 1 = today THEN 'partial'
                WHEN l.repo_id IS NULL AND NOT f.noticed AND a.repo_id IS NULL THEN 'gap'
                WHEN f.split THEN 'estimated'
                ELSE 'observed' END
    FROM filled f
    JOIN scope s USING (id)
    LEFT JOIN looked l ON l.repo_id = s.repo_id AND l.n = f.n
    LEFT JOIN away a ON a.repo_id = s.repo_id AND a.n = f.n
    -- A repo that left has days only as far as pulls that were noticed when it was back fall on them.
    WHERE a.repo_id IS NULL OR l.repo_id IS NOT NULL OR f.pulls > 0;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.pulls_of_days(date, date, text, text, text, text, boolean) IS 'The days of reporting.pulls_by_day by image, or of reporting.repo_pulls_by_day by repo.';

-- +goose StatementBegin
CREATE FUNCTION reporting.pulls_by_day(from_day date, to_day date, tz text, in_source text DEFAULT NULL,
                                       in_repo text DEFAULT NULL, in_image text DEFAULT NULL)
RETURNS TABLE (day date, source text, project_id text, repo text, image text, pulls bigint, flag text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '64MB'
SET jit = off
AS $$
    SELECT d.day, r.source, r.project_id, r.name, i.name, d.pulls, d.flag
    FROM syncer.pulls_of_days($1, $2, $3, $4, $5, $6, false) d
    JOIN syncer.images i ON i.image_id = d.id
    JOIN syncer.repos r ON r.repo_id = d.repo_id
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reporting.pulls_by_day(date, date, text, text, text, text) IS
'Pulls by image and local day of zone tz (an IANA name), a row for every day from the image''s first sight to its deletion, to when its repo left or to today, in no particular order. A day begins with its first moment, also where midnight comes twice or never. A window that crosses midnight is split pro rata to elapsed time in whole pulls that add up. flag: observed; estimated (a share of a split window is in it); gap (nobody looked at the repo that day; pulls come from a later look''s window); partial (today, not over yet). A day on which the repo had left is no gap: it has a row only where a window of pulls that were noticed after the repo was back lies over it. pulls is NULL where it is not known: on the day of a baseline, and after the last look. in_source, in_repo and in_image, where given, choose what is computed and make it fast.';

-- +goose StatementBegin
CREATE FUNCTION reporting.repo_pulls_by_day(from_day date, to_day date, tz text, in_source text DEFAULT NULL,
                                            in_repo text DEFAULT NULL)
RETURNS TABLE (day date, source text, project_id text, repo text, pulls bigint, flag text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    SELECT d.day, r.source, r.project_id, r.name, d.pulls, d.flag
    FROM syncer.pulls_of_days($1, $2, $3, $4, $5, NULL, true) d
    JOIN syncer.repos r ON r.repo_id = d.repo_id
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reporting.repo_pulls_by_day(date, date, text, text, text) IS
'pulls_by_day of whole repos, with its flags, far cheaper than its sum: windows are split once for all images that share them, so a day may differ from that sum by what rounding moves over midnight. A row for every local day from the repo''s first look until it left.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA reporting FROM PUBLIC;

-- +goose Down
DROP FUNCTION reporting.repo_pulls_by_day, reporting.pulls_by_day, syncer.pulls_of_days, syncer.days_looked_at, syncer.pull_shares,
    syncer.images_asked_for, syncer.local_midnights;
