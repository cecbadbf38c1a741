-- The views people query. Names, types and order of the columns are stable; every number is bigint, every moment
-- timestamptz, every day a date in UTC. They run with their owner's rights, so a reader needs nothing in schema syncer.

-- +goose Up
-- +goose StatementBegin
DO $$ BEGIN IF to_regnamespace('reporting') IS NULL THEN CREATE SCHEMA reporting; END IF; END $$;
-- +goose StatementEnd
COMMENT ON SCHEMA reporting IS 'Stable views and functions over what syncer observed. Names and types here do not change between versions.';

-- Both are written once an image, so they do not stand in the way of HOT updates of its counter.
CREATE INDEX images_name ON syncer.images (name);
CREATE INDEX images_appeared ON syncer.images (first_seen_at) WHERE absent_at IS NOT NULL AND first_seen_at IS NOT NULL;
-- Rows arrive in the order of time: a BRIN index finds the part of a day at a thousandth of a B-tree's size and cost.
CREATE INDEX readings_time ON syncer.readings USING brin (observed_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX image_days_day ON syncer.image_days USING brin (day) WITH (pages_per_range = 32, autosummarize = on);
-- Counters seldom fall; who needs those that did need not read the others.
CREATE INDEX readings_falls ON syncer.readings (observed_at) WHERE kind >= 4;

CREATE FUNCTION syncer.kind_name(kind smallint) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN (ARRAY['baseline', 'new', 'increase', 'correction', 'suspect', 'recovered', 'reset'])[kind];
COMMENT ON FUNCTION syncer.kind_name(smallint) IS 'The word for a kind of the history.';

CREATE FUNCTION syncer.capped(n numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN n > 9223372036854775807 THEN 9223372036854775807 ELSE n::bigint END; -- LEAST would make a number of NULL
COMMENT ON FUNCTION syncer.capped(numeric) IS 'A sum of counts, which a hostile registry may have made up: it stays at the largest number rather than failing.';

CREATE VIEW syncer.repo_absences AS
SELECT repo_id, at AS since, until
FROM (SELECT repo_id, at, event, COALESCE(LEAD(at) OVER (PARTITION BY repo_id ORDER BY at), 'infinity') AS until
      FROM syncer.events
      WHERE image_id IS NULL AND event IN ('gone', 'back')) e
WHERE event = 'gone'
UNION ALL
SELECT repo_id, unconfigured_at, 'infinity' FROM syncer.repos WHERE unconfigured_at IS NOT NULL;
COMMENT ON VIEW syncer.repo_absences IS 'When a repo was not there to be looked at: from when it left the lists until it was back, and since nothing names it any more. Of a repo that is named again nothing was lost meanwhile, so that the days between count as days on which nobody looked.';
COMMENT ON COLUMN syncer.repo_absences.repo_id IS 'The repo.';
COMMENT ON COLUMN syncer.repo_absences.since IS 'When it left.';
COMMENT ON COLUMN syncer.repo_absences.until IS 'When it was back; infinity while it is not.';

CREATE VIEW reporting.images AS
SELECT r.source,
       r.project_id,
       r.name AS repo,
       i.name AS image,
       i.pull_count,
       NULLIF(i.latest_tag, '') AS latest_tag,
       i.created_at,
       CASE WHEN i.updated_from IS NULL THEN i.updated_at ELSE i.archived_updated_at END AS updated_at,
       i.first_seen_at,
       COALESCE(i.last_seen_at, r.last_look_at) AS last_seen_at,
       i.last_pulled_at,
       i.missing_since,
       i.deleted_at,
       GREATEST(i.generation, 1)::bigint AS generation
FROM syncer.images i
JOIN syncer.repos r USING (repo_id)
WHERE i.first_seen_at IS NOT NULL;
COMMENT ON VIEW reporting.images IS 'Every image ever seen, as last seen; deleted ones keep their row.';
COMMENT ON COLUMN reporting.images.source IS 'Configured source (registry account) the image is read from.';
COMMENT ON COLUMN reporting.images.project_id IS 'Project of the repo; empty for the account''s default project.';
COMMENT ON COLUMN reporting.images.repo IS 'Repo name, unique within its source.';
COMMENT ON COLUMN reporting.images.image IS 'Image name, unique within its repo.';
COMMENT ON COLUMN reporting.images.pull_count IS 'Last pull count that could be read; NULL when none ever was.';
COMMENT ON COLUMN reporting.images.latest_tag IS 'Tag pushed last, as the registry names it; NULL when it names none or none was recorded.';
COMMENT ON COLUMN reporting.images.created_at IS 'When the registry says the image was created.';
COMMENT ON COLUMN reporting.images.updated_at IS 'When the registry says the image was last updated.';
COMMENT ON COLUMN reporting.images.first_seen_at IS 'First look that saw the image.';
COMMENT ON COLUMN reporting.images.last_seen_at IS 'Last look that saw the image.';
COMMENT ON COLUMN reporting.images.last_pulled_at IS 'Look that noticed the last pulls; NULL when none were noticed so far.';
COMMENT ON COLUMN reporting.images.missing_since IS 'Look that first had enough evidence that the image is absent; NULL while it is there.';
COMMENT ON COLUMN reporting.images.deleted_at IS 'Look that confirmed the absence; NULL while it is not confirmed.';
COMMENT ON COLUMN reporting.images.generation IS '1 at first, one more each time the image was made anew under the same name.';

CREATE VIEW reporting.pull_history AS
SELECT r.source,
       r.project_id,
       r.name AS repo,
       i.name AS image,
       h.observed_at,
       h.since,
       h.pull_count,
       h.pulls,
       syncer.kind_name(h.kind) AS kind,
       h.generation::bigint AS generation
FROM syncer.readings h
JOIN syncer.images i USING (image_id)
JOIN syncer.repos r USING (repo_id)
WHERE h.kind IS NOT NULL; -- other readings changed nothing
COMMENT ON VIEW reporting.pull_history IS 'A row for each change of an image''s counter. SUM(pulls) is the number of pulls; no window function is needed.';
COMMENT ON COLUMN reporting.pull_history.source IS 'Configured source.';
COMMENT ON COLUMN reporting.pull_history.project_id IS 'Project of the repo; empty for the account''s default project.';
COMMENT ON COLUMN reporting.pull_history.repo IS 'Repo name.';
COMMENT ON COLUMN reporting.pull_history.image IS 'Image name.';
COMMENT ON COLUMN reporting.pull_history.observed_at IS 'Look that saw this count first; the end of the window the pulls happened in.';
COMMENT ON COLUMN reporting.pull_history.since IS 'Last look that read the image''s count before (for new: the last complete look, which did not hold the image); the start of the window. NULL for baseline.';
COMMENT ON COLUMN reporting.pull_history.pull_count IS 'Count as the registry gave it.';
COMMENT ON COLUMN reporting.pull_history.pulls IS 'Pulls in (since, observed_at]; NULL where they cannot be known (baseline).';
COMMENT ON COLUMN reporting.pull_history.kind IS 'What the change was taken for: baseline (first sight, in a repo never completely seen before), new, increase; suspect (below the believed count, and not believed yet), recovered (at or above it again), correction or reset (still below after six hours, never or once below half of it; reset also at once when the image was made anew).';
COMMENT ON COLUMN reporting.pull_history.generation IS 'Generation of the image that the count belongs to.';

CREATE VIEW reporting.pulls_daily AS
SELECT d.day,
       r.source,
       r.project_id,
       r.name AS repo,
       i.name AS image,
       d.pulls,
       d.pull_count,
       d.resets::bigint AS resets
FROM syncer.image_days d
JOIN syncer.images i USING (image_id)
JOIN syncer.repos r USING (repo_id);
COMMENT ON VIEW reporting.pulls_daily IS 'Pulls by image and UTC day of the look that noticed them. Only days on which a change was written have a row; kept for ever.';
COMMENT ON COLUMN reporting.pulls_daily.day IS 'UTC day.';
COMMENT ON COLUMN reporting.pulls_daily.source IS 'Configured source.';
COMMENT ON COLUMN reporting.pulls_daily.project_id IS 'Project of the repo; empty for the account''s default project.';
COMMENT ON COLUMN reporting.pulls_daily.repo IS 'Repo name.';
COMMENT ON COLUMN reporting.pulls_daily.image IS 'Image name.';
COMMENT ON COLUMN reporting.pulls_daily.pulls IS 'Pulls noticed that day; NULL when only a baseline was observed.';
COMMENT ON COLUMN reporting.pulls_daily.pull_count IS 'Count at the last change of the day.';
COMMENT ON COLUMN reporting.pulls_daily.resets IS 'How often the counter began anew that day.';

-- The calendar is one list of days for all repos, so that a condition on day cuts it before the repos are joined.
CREATE VIEW reporting.repo_daily AS
SELECT c.day,
       r.source,
       r.project_id,
       r.name AS repo,
       COALESCE(d.pulls, 0)::bigint AS pulls,
       COALESCE(d.images, (SELECT b.images
                           FROM syncer.repo_days b
                           WHERE b.repo_id = r.repo_id AND b.day < c.day
                           ORDER BY b.day DESC
                           LIMIT 1), 0)::bigint AS images,
       COALESCE(d.looks, 0)::bigint AS looks,
       COALESCE(d.complete_looks, 0)::bigint AS complete_looks
FROM (SELECT s.first_day + n AS day
      FROM (SELECT (MIN(first_seen_at) AT TIME ZONE 'UTC')::date AS first_day,
                   GREATEST((now() AT TIME ZONE 'UTC')::date, (MAX(GREATEST(last_look_at, last_archived_at)) AT TIME ZONE 'UTC')::date) AS last_day
            FROM syncer.repos) s,
           generate_series(0, s.last_day - s.first_day) n) c
JOIN syncer.repos r ON c.day >= (r.first_seen_at AT TIME ZONE 'UTC')::date
LEFT JOIN syncer.repo_days d ON d.repo_id = r.repo_id AND d.day = c.day
WHERE d.looks > 0 OR NOT EXISTS (SELECT FROM syncer.repo_absences a
                                 WHERE a.repo_id = r.repo_id
                                   AND c.day > (a.since AT TIME ZONE 'UTC')::date AND c.day < (a.until AT TIME ZONE 'UTC')::date);
COMMENT ON VIEW reporting.repo_daily IS 'A row for every repo and every UTC day from its first look until it left, also for days on which nobody looked. A repo left when it is gone or nothing names it any more; when it comes back, its rows go on.';
COMMENT ON COLUMN reporting.repo_daily.day IS 'UTC day.';
COMMENT ON COLUMN reporting.repo_daily.source IS 'Configured source.';
COMMENT ON COLUMN reporting.repo_daily.project_id IS 'Project of the repo; empty for the account''s default project.';
COMMENT ON COLUMN reporting.repo_daily.repo IS 'Repo name.';
COMMENT ON COLUMN reporting.repo_daily.pulls IS 'Pulls noticed that day. With looks = 0 the 0 here means unknown, not none.';
COMMENT ON COLUMN reporting.repo_daily.images IS 'Images that were not deleted at the last look of the day, or of the last day before it that had one.';
COMMENT ON COLUMN reporting.repo_daily.looks IS 'Looks that read the repo''s list that day, and the listing by which the repo is gone; 0: nobody looked.';
COMMENT ON COLUMN reporting.repo_daily.complete_looks IS 'Looks among them complete enough to prove that an image is absent.';

CREATE VIEW reporting.repos AS
SELECT source,
       project_id,
       name AS repo,
       images,
       pull_count,
       first_seen_at,
       last_complete_at AS last_complete_sync_at,
       last_attempt_at,
       CASE WHEN unconfigured_at IS NULL THEN last_status ELSE 'unconfigured' END AS last_status,
       CASE WHEN unconfigured_at IS NULL THEN last_error ELSE 'neither configuration nor discovery names it any more' END AS last_error,
       COALESCE(gone_at, unconfigured_at) AS gone_at
FROM syncer.repos
WHERE last_attempt_at IS NOT NULL OR first_seen_at IS NOT NULL; -- a row that a run has merely claimed says nothing yet
COMMENT ON VIEW reporting.repos IS 'Every repo with its totals, how fresh they are and how the last try went.';
COMMENT ON COLUMN reporting.repos.source IS 'Configured source.';
COMMENT ON COLUMN reporting.repos.project_id IS 'Project the repo was last read with; empty for the account''s default project.';
COMMENT ON COLUMN reporting.repos.repo IS 'Repo name, unique within its source.';
COMMENT ON COLUMN reporting.repos.images IS 'Images that are not deleted.';
COMMENT ON COLUMN reporting.repos.pull_count IS 'Sum of the last counts of these images.';
COMMENT ON COLUMN reporting.repos.first_seen_at IS 'First look that read the repo''s list; NULL when none could.';
COMMENT ON COLUMN reporting.repos.last_complete_sync_at IS 'Last look that read the whole list; NULL when none did.';
COMMENT ON COLUMN reporting.repos.last_attempt_at IS 'Last time a run tried the repo; NULL when it is known from imported observations alone.';
COMMENT ON COLUMN reporting.repos.last_status IS 'Outcome of that try: ok, drifting, held, failed or locked; unconfigured when nothing names the repo any more.';
COMMENT ON COLUMN reporting.repos.last_error IS 'Why the outcome was not ok; NULL when it was.';
COMMENT ON COLUMN reporting.repos.gone_at IS 'Since when the repo is gone: two complete lists did not hold it, or (last_status unconfigured) nothing names it any more. NULL while it is read.';

CREATE VIEW reporting.image_events AS
SELECT e.at,
       r.source,
       r.project_id,
       r.name AS repo,
       i.name AS image,
       e.event,
       e.old_value,
       e.new_value
FROM syncer.events e
JOIN syncer.images i ON i.image_id = e.image_id
JOIN syncer.repos r ON r.repo_id = i.repo_id AND r.repo_id = e.repo_id
UNION ALL
SELECT i.first_seen_at, r.source, r.project_id, r.name, i.name, 'appeared', NULL, NULLIF(i.latest_tag, '')
FROM syncer.images i
JOIN syncer.repos r USING (repo_id)
WHERE i.absent_at IS NOT NULL AND i.first_seen_at IS NOT NULL -- the first list of a repo is its stock, not news
UNION ALL
-- A drop is confirmed one row after it was seen: what was believed before stands in the last row that was not doubtful.
SELECT h.observed_at, r.source, r.project_id, r.name, i.name, 'reset', b.pull_count::text, h.pull_count::text
FROM syncer.readings h
JOIN syncer.images i USING (image_id)
JOIN syncer.repos r USING (repo_id)
LEFT JOIN LATERAL (SELECT p.pull_count
                   FROM syncer.readings p
                   WHERE p.image_id = h.image_id AND p.observed_at < h.observed_at AND p.kind <> 5
                   ORDER BY p.observed_at DESC
                   LIMIT 1) b ON true
WHERE h.kind = 7;
COMMENT ON VIEW reporting.image_events IS 'What happened to images, apart from pulls.';
COMMENT ON COLUMN reporting.image_events.at IS 'Look that noticed it.';
COMMENT ON COLUMN reporting.image_events.source IS 'Configured source.';
COMMENT ON COLUMN reporting.image_events.project_id IS 'Project of the repo; empty for the account''s default project.';
COMMENT ON COLUMN reporting.image_events.repo IS 'Repo name.';
COMMENT ON COLUMN reporting.image_events.image IS 'Image name.';
COMMENT ON COLUMN reporting.image_events.event IS 'appeared, tag_pushed, missing, reappeared, deleted or reset. Images of a repo''s first list did not appear, they were there.';
COMMENT ON COLUMN reporting.image_events.old_value IS 'tag_pushed: the tag before; reset: the count that was believed before; missing and deleted: the last count; reappeared: missing or deleted, what it was before.';
COMMENT ON COLUMN reporting.image_events.new_value IS 'tag_pushed: the new tag; appeared: the latest tag now; reset: the count after; otherwise NULL.';

CREATE VIEW reporting.repo_events AS
SELECT e.at,
       r.source,
       r.project_id,
       r.name AS repo,
       e.event,
       e.old_value,
       e.new_value
FROM syncer.events e
JOIN syncer.repos r USING (repo_id)
WHERE e.image_id IS NULL;
COMMENT ON VIEW reporting.repo_events IS 'What happened to whole repos.';
COMMENT ON COLUMN reporting.repo_events.at IS 'Look, or listing, that noticed it.';
COMMENT ON COLUMN reporting.repo_events.source IS 'Configured source.';
COMMENT ON COLUMN reporting.repo_events.project_id IS 'Project of the repo; empty for the account''s default project.';
COMMENT ON COLUMN reporting.repo_events.repo IS 'Repo name.';
COMMENT ON COLUMN reporting.repo_events.event IS 'held: too many images, or repos of its source, vanished at once, nothing was marked; released: marked after all; gone: no longer listed; back: listed again.';
COMMENT ON COLUMN reporting.repo_events.old_value IS 'gone: how many images it had; otherwise NULL.';
COMMENT ON COLUMN reporting.repo_events.new_value IS 'Value after, as far as the event has one.';

CREATE VIEW reporting.runs AS
SELECT run_id, kind, shard, status, started_at, finished_at, repos_ok, repos_failed, repos_held, images_seen, images_new,
       images_changed, images_missing, history_rows, requests, retries, error, version
FROM syncer.runs;
COMMENT ON VIEW reporting.runs IS 'One row a run.';
COMMENT ON COLUMN reporting.runs.run_id IS 'Increasing number of the run.';
COMMENT ON COLUMN reporting.runs.kind IS 'sync, backfill or import.';
COMMENT ON COLUMN reporting.runs.shard IS 'Share of the repos as index/count; 0/1 is all of them.';
COMMENT ON COLUMN reporting.runs.status IS 'running, ok, partial, failed, or aborted when a later run found it dead.';
COMMENT ON COLUMN reporting.runs.started_at IS 'When the run began.';
COMMENT ON COLUMN reporting.runs.finished_at IS 'When it ended; NULL while it runs.';
COMMENT ON COLUMN reporting.runs.repos_ok IS 'Repos that were read and written, drifting ones included.';
COMMENT ON COLUMN reporting.runs.repos_failed IS 'Repos that could not be read or written.';
COMMENT ON COLUMN reporting.runs.repos_held IS 'Repos in which too much vanished at once to believe it.';
COMMENT ON COLUMN reporting.runs.images_seen IS 'Images in the lists that were read.';
COMMENT ON COLUMN reporting.runs.images_new IS 'Images seen for the first time.';
COMMENT ON COLUMN reporting.runs.images_changed IS 'Known images of which anything changed.';
COMMENT ON COLUMN reporting.runs.images_missing IS 'Images newly marked missing.';
COMMENT ON COLUMN reporting.runs.history_rows IS 'Rows added to the history.';
COMMENT ON COLUMN reporting.runs.requests IS 'HTTP requests sent, retries included.';
COMMENT ON COLUMN reporting.runs.retries IS 'Requests that repeated a failed one.';
COMMENT ON COLUMN reporting.runs.error IS 'Why the run is not ok; NULL when it is.';
COMMENT ON COLUMN reporting.runs.version IS 'Version of the program.';

CREATE VIEW reporting.repo_syncs AS
SELECT s.run_id::bigint AS run_id,
       r.source,
       r.project_id,
       r.name AS repo,
       s.at - s.took_ms * interval '1 millisecond' AS started_at,
       s.at AS finished_at,
       s.status,
       s.complete,
       COALESCE(s.pages, 1)::bigint AS pages,
       COALESCE(s.walks, CASE WHEN s.pages = 0 THEN 0 ELSE 1 END)::bigint AS walks,
       s.total_count,
       s.images_seen::bigint AS images_seen,
       COALESCE(s.images_new, 0)::bigint AS images_new,
       COALESCE(s.images_changed, 0)::bigint AS images_changed,
       COALESCE(s.images_missing, 0)::bigint AS images_missing,
       COALESCE(s.rows_rejected, 0)::bigint AS rows_rejected,
       s.error
FROM syncer.looks s
JOIN syncer.repos r USING (repo_id)
WHERE s.run_id IS NOT NULL AND s.status <> 'gone'; -- an archive is no run, and a repo that left was not read
COMMENT ON VIEW reporting.repo_syncs IS 'What every run found in every repo it tried.';
COMMENT ON COLUMN reporting.repo_syncs.run_id IS 'The run.';
COMMENT ON COLUMN reporting.repo_syncs.source IS 'Configured source.';
COMMENT ON COLUMN reporting.repo_syncs.project_id IS 'Project of the repo; empty for the account''s default project.';
COMMENT ON COLUMN reporting.repo_syncs.repo IS 'Repo name.';
COMMENT ON COLUMN reporting.repo_syncs.started_at IS 'When the repo''s first request was sent.';
COMMENT ON COLUMN reporting.repo_syncs.finished_at IS 'The moment that what was read speaks of.';
COMMENT ON COLUMN reporting.repo_syncs.status IS 'ok, drifting (the list moved while it was read), held, failed, or locked (another run had the repo).';
COMMENT ON COLUMN reporting.repo_syncs.complete IS 'Whether the read proves that an image it lacks was absent.';
COMMENT ON COLUMN reporting.repo_syncs.pages IS 'Pages read.';
COMMENT ON COLUMN reporting.repo_syncs.walks IS 'Walks over the list; more than one when it moved.';
COMMENT ON COLUMN reporting.repo_syncs.total_count IS 'Size of the list as the registry said last; NULL when it said nothing usable.';
COMMENT ON COLUMN reporting.repo_syncs.images_seen IS 'Distinct images read.';
COMMENT ON COLUMN reporting.repo_syncs.images_new IS 'Images seen for the first time.';
COMMENT ON COLUMN reporting.repo_syncs.images_changed IS 'Known images of which anything changed.';
COMMENT ON COLUMN reporting.repo_syncs.images_missing IS 'Images newly marked missing.';
COMMENT ON COLUMN reporting.repo_syncs.rows_rejected IS 'Rows of the registry that could not be used, or only in part.';
COMMENT ON COLUMN reporting.repo_syncs.error IS 'Why the status is not ok; NULL when it is.';

-- +goose Down
-- Without CASCADE: what others built on the views makes this fail with their names.
DROP VIEW reporting.repo_syncs, reporting.runs, reporting.repo_events, reporting.image_events, reporting.repos, reporting.repo_daily,
    reporting.pulls_daily, reporting.pull_history, reporting.images, syncer.repo_absences;
DROP FUNCTION syncer.capped, syncer.kind_name;
-- The schema stays while others have something in it, or are granted it: the views that come back are then theirs to read again.
-- +goose StatementBegin
DO $$
BEGIN
    IF has_database_privilege(current_database(), 'CREATE')
       AND NOT EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'reporting' AND a.grantee <> n.nspowner) THEN
        DROP SCHEMA reporting;
    END IF;
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
    NULL;
END
$$;
-- +goose StatementEnd
DROP INDEX syncer.readings_falls, syncer.image_days_day, syncer.readings_time, syncer.images_appeared, syncer.images_name;
