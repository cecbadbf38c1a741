-- Functions beside the views: what needs arguments. Those in schema reporting run with their owner's rights and a fixed
-- search_path; those in schema syncer are their parts. Plans are made for the arguments at hand, so that only the months
-- asked for are read, and without JIT, whose compilation costs more than these queries take.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION syncer.report_now() RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Observations may be ahead of the server's clock, e.g. simulated ones.
    SELECT GREATEST(now(), (SELECT MAX(GREATEST(last_look_at, last_archived_at)) FROM syncer.repos))
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.report_now() IS 'The moment reports call now: the server''s clock, or the last look when that is later.';

-- +goose StatementBegin
CREATE FUNCTION syncer.history_floor() RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE((SELECT history_from FROM syncer.retention), '-infinity')
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.history_floor() IS 'Start of the history that is kept; before it only the roll-up answers. -infinity when nothing was dropped.';

-- +goose StatementBegin
CREATE FUNCTION syncer.pulls_between(from_ts timestamptz, to_ts timestamptz, ids bigint[])
RETURNS TABLE (image_id bigint, pulls numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET max_parallel_workers_per_gather = 0 -- starting workers costs more than they take off
SET work_mem = '64MB'
AS $$
#variable_conflict use_column
DECLARE
    floor timestamptz := syncer.history_floor();
    day0  date := ($1 AT TIME ZONE 'UTC')::date;
    day1  date := ($2 AT TIME ZONE 'UTC')::date; -- the days from day0 to before day1 come from the roll-up
    head  timestamptz := $1;                     -- history from from_ts to before head
    tail  timestamptz := $2;                     -- history from tail to before to_ts
BEGIN
    IF $1 >= floor AND $1 > day0::timestamp AT TIME ZONE 'UTC' THEN
        day0 := day0 + 1;
        head := LEAST(day0::timestamp AT TIME ZONE 'UTC', $2);
    END IF;
    IF $2 >= floor THEN
        tail := GREATEST(day1::timestamp AT TIME ZONE 'UTC', head);
    END IF;
    RETURN QUERY
    SELECT x.image_id, SUM(x.pulls)
    FROM (SELECT d.image_id, d.pulls FROM syncer.image_days d
          WHERE d.day >= day0 AND d.day < day1 AND d.pulls > 0 AND ($3 IS NULL OR d.image_id = ANY ($3))
          UNION ALL
          SELECT h.image_id, h.pulls FROM syncer.readings h
          WHERE h.observed_at >= $1 AND h.observed_at < head AND h.pulls > 0 AND ($3 IS NULL OR h.image_id = ANY ($3))
          UNION ALL
          SELECT h.image_id, h.pulls FROM syncer.readings h
          WHERE h.observed_at >= tail AND h.observed_at < $2 AND h.pulls > 0 AND ($3 IS NULL OR h.image_id = ANY ($3))) x
    GROUP BY x.image_id;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.pulls_between(timestamptz, timestamptz, bigint[]) IS
'Pulls noticed from from_ts to before to_ts by image, of the images named or of all. Where the history is no longer kept, a day counts when it ends in the span.';

-- +goose StatementBegin
CREATE FUNCTION syncer.busy_on(days date[], n bigint) RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
    ids bigint[] := '{}';
    one date;
BEGIN
    FOREACH one IN ARRAY $1 LOOP -- a query a day: each reads its own month
        ids := ids || ARRAY(SELECT d.image_id FROM syncer.image_days d
                            WHERE d.day = one AND d.pulls > 0 ORDER BY d.pulls DESC LIMIT $2);
    END LOOP;
    RETURN ids;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.busy_on(date[], bigint) IS 'The n images with the most pulls on each of some UTC days.';

-- +goose StatementBegin
CREATE FUNCTION syncer.ever_as_busy(from_ts timestamptz, to_ts timestamptz, total numeric) RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
    day0  date := ($1 AT TIME ZONE 'UTC')::date;
    day1  date := ($2 AT TIME ZONE 'UTC')::date;
    least numeric := ceil($3 / (day1 - day0 + 1));
    ids   bigint[];
BEGIN
    IF $3 IS NULL OR $3 < 1 THEN
        RETURN NULL;
    END IF;
    ids := ARRAY(SELECT DISTINCT d.image_id
                 FROM syncer.image_days d
                 WHERE d.day >= day0 AND d.day <= day1 AND d.pulls >= syncer.capped(least));
    -- So many are cheaper to sum up in passing than one by one.
    RETURN CASE WHEN cardinality(ids) <= 5000 THEN ids END;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.ever_as_busy(timestamptz, timestamptz, numeric) IS
'Images that had, on any UTC day that the span touches, at least an even share of that total: no other can have reached it. NULL when they are too many to be worth it.';

-- +goose StatementBegin
CREATE FUNCTION syncer.counted_as_much(from_ts timestamptz, total numeric) RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    ids bigint[];
BEGIN
    IF $2 IS NULL OR $2 < 1 OR $1 < syncer.history_floor() THEN
        RETURN NULL;
    END IF;
    ids := ARRAY(SELECT i.image_id
                 FROM syncer.images i
                 WHERE i.last_pulled_at >= $1 AND i.pull_count >= syncer.capped($2)
                 LIMIT 2001);
    ids := ids || ARRAY(SELECT DISTINCT h.image_id
                        FROM syncer.readings h
                        WHERE h.observed_at >= $1 AND h.kind >= 4
                        LIMIT 2001);
    RETURN CASE WHEN cardinality(ids) <= 2000 THEN ids END;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.counted_as_much(timestamptz, numeric) IS
'Images that can have had that many pulls since then: those whose counter says as much now, and those whose counter ever fell since. NULL when they are too many to be worth it.';

-- +goose StatementBegin
CREATE FUNCTION reporting.top_images(from_ts timestamptz, to_ts timestamptz, n bigint)
RETURNS TABLE (rank bigint, source text, project_id text, repo text, image text, pulls bigint, pull_count bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    lo   timestamptz := GREATEST(COALESCE($1, '-infinity'), '1970-01-01 00:00:00+00');
    hi   timestamptz := LEAST(COALESCE($2, 'infinity'), syncer.report_now() + interval '1 day');
    last date := (hi - interval '1 day')::date;
    good numeric; -- what the nth of some busy images has: the n best have no less
    ids  bigint[];
BEGIN
    IF hi <= lo THEN
        RETURN;
    END IF;
    -- Summing up every image costs five times the scan of its days, and ten times that of the images: either finds the few that
    -- can be among the best.
    IF $3 BETWEEN 1 AND 1000 THEN
        SELECT b.pulls INTO good
        FROM syncer.pulls_between(lo, hi, syncer.busy_on(ARRAY[last], $3 * 2)) b
        ORDER BY b.pulls DESC
        OFFSET $3 - 1 LIMIT 1;
        ids := COALESCE(syncer.counted_as_much(lo, good), syncer.ever_as_busy(lo, hi, good));
    END IF;
    RETURN QUERY
    WITH best AS (
        SELECT p.image_id, p.pulls FROM syncer.pulls_between(lo, hi, ids) p ORDER BY p.pulls DESC, p.image_id LIMIT $3
    )
    SELECT ROW_NUMBER() OVER (ORDER BY b.pulls DESC, b.image_id), r.source, r.project_id, r.name, i.name,
           syncer.capped(b.pulls), i.pull_count
    FROM best b
    JOIN syncer.images i USING (image_id)
    JOIN syncer.repos r USING (repo_id)
    ORDER BY b.pulls DESC, b.image_id;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reporting.top_images(timestamptz, timestamptz, bigint) IS
'The n images with the most pulls noticed from from_ts to before to_ts, most first; NULL leaves a side open or takes all images. Where the history is no longer kept, a day counts when it ends in the span. pull_count is the count now.';

-- +goose StatementBegin
CREATE FUNCTION reporting.movers(days integer, n bigint, min_before bigint DEFAULT 10)
RETURNS TABLE (rank bigint, source text, project_id text, repo text, image text, pulls bigint, pulls_before bigint,
               change bigint, growth_percent double precision, days_looked_at bigint, days_looked_at_before bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    -- The last look is in the later span though a span ends before its end.
    hi    timestamptz := syncer.report_now() + interval '1 microsecond';
    today date := (hi AT TIME ZONE 'UTC')::date;
    mid   timestamptz := (today + 1 - $1)::timestamp AT TIME ZONE 'UTC';
    lo    timestamptz := mid - make_interval(hours => 24 * $1);
    -- Today is not over, so the earlier span ends at this time of its last day: halves of days are compared with halves.
    past  timestamptz := hi - make_interval(hours => 24 * $1);
    good  numeric; -- the change of the nth of some busy images: those of the n best are no less
    ids   bigint[];
    more  bigint[];
BEGIN
    IF $1 < 1 THEN
        RAISE 'days must be 1 or more, not %', $1 USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF $2 BETWEEN 1 AND 1000 THEN
        ids := syncer.busy_on(ARRAY[today - 1, today - 1 - $1], $2 * 2);
        SELECT abs(COALESCE(a.pulls, 0) - COALESCE(b.pulls, 0)) INTO good
        FROM syncer.pulls_between(mid, hi, ids) a
        FULL JOIN syncer.pulls_between(lo, past, ids) b USING (image_id)
        ORDER BY 1 DESC
        OFFSET $2 - 1 LIMIT 1;
        -- Who changed by that much had as many pulls in one of the spans.
        ids := syncer.counted_as_much(lo, good);
        IF ids IS NULL THEN
            ids := syncer.ever_as_busy(lo, past, good);
            more := syncer.ever_as_busy(mid, hi, good);
            ids := CASE WHEN ids IS NOT NULL AND more IS NOT NULL THEN ids || more END;
        END IF;
    END IF;
    RETURN QUERY
    WITH best AS (
        SELECT image_id, COALESCE(a.pulls, 0) AS pulls, COALESCE(b.pulls, 0) AS pulls_before,
               COALESCE(a.pulls, 0) - COALESCE(b.pulls, 0) AS change
        FROM syncer.pulls_between(mid, hi, ids) a
        FULL JOIN syncer.pulls_between(lo, past, ids) b USING (image_id)
        WHERE COALESCE(a.pulls, 0) <> COALESCE(b.pulls, 0)
        ORDER BY abs(COALESCE(a.pulls, 0) - COALESCE(b.pulls, 0)) DESC, image_id
        LIMIT $2
    )
    SELECT ROW_NUMBER() OVER (ORDER BY abs(b.change) DESC, b.image_id), r.source, r.project_id, r.name, i.name,
           syncer.capped(b.pulls),
           syncer.capped(b.pulls_before),
           GREATEST(LEAST(b.change, 9223372036854775807), -9223372036854775807)::bigint,
           CASE WHEN b.pulls_before >= GREATEST($3, 1) THEN round(100 * b.change / b.pulls_before, 1)::double precision END,
           l.recent, l.before
    FROM best b
    JOIN syncer.images i USING (image_id)
    JOIN syncer.repos r USING (repo_id)
    CROSS JOIN LATERAL (
        SELECT COUNT(*) FILTER (WHERE d.day > today - $1) AS recent, COUNT(*) FILTER (WHERE d.day <= today - $1) AS before
        FROM syncer.repo_days d
        WHERE d.repo_id = i.repo_id AND d.day > today - 2 * $1 AND d.day <= today AND d.looks > 0) l
    ORDER BY abs(b.change) DESC, b.image_id;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reporting.movers(integer, bigint, bigint) IS
'The n images whose pulls of the last days, whole UTC days up to and with today, differ most, up or down, from those of as many days before, of which the last ends at the time of day that it is now. growth_percent is NULL below min_before pulls before (10 when not given), so that 1 -> 3 is not +200 %. days_looked_at and days_looked_at_before say on how many of these days the repo was looked at: where they are fewer than days, the difference may be the outage''s.';

-- Whoever may use the schema is granted them one by one; PUBLIC has no business in functions that run as their owner.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA reporting FROM PUBLIC;

-- +goose Down
DROP FUNCTION reporting.movers, reporting.top_images,
    syncer.counted_as_much, syncer.ever_as_busy, syncer.busy_on, syncer.pulls_between, syncer.history_floor, syncer.report_now;
