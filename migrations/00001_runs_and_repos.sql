-- Runs, repos and what every run found in every repo. All times are UTC moments; the program is the only writer.

-- +goose Up
-- The list of migrations stands in the schema too, so it is there by now; with goose's own command line it may not be.
-- +goose StatementBegin
DO $$ BEGIN IF to_regnamespace('syncer') IS NULL THEN CREATE SCHEMA syncer; END IF; END $$;
-- +goose StatementEnd
COMMENT ON SCHEMA syncer IS 'Base tables of syncer. Their form may change with any version; read the views in schema reporting instead.';

CREATE TABLE syncer.runs (
    run_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text NOT NULL CHECK (kind IN ('sync', 'backfill', 'import')),
    shard          text NOT NULL,
    status         text NOT NULL CHECK (status IN ('running', 'ok', 'partial', 'failed', 'aborted')),
    started_at     timestamptz NOT NULL,
    finished_at    timestamptz,
    repos_ok       bigint NOT NULL DEFAULT 0,
    repos_failed   bigint NOT NULL DEFAULT 0,
    repos_held     bigint NOT NULL DEFAULT 0,
    images_seen    bigint NOT NULL DEFAULT 0,
    images_new     bigint NOT NULL DEFAULT 0,
    images_changed bigint NOT NULL DEFAULT 0,
    images_missing bigint NOT NULL DEFAULT 0,
    history_rows   bigint NOT NULL DEFAULT 0,
    requests       bigint NOT NULL DEFAULT 0,
    retries        bigint NOT NULL DEFAULT 0,
    error          text,
    version        text NOT NULL
);
-- The next run looks for dead ones; there are never more than a few.
CREATE INDEX runs_running ON syncer.runs (run_id) WHERE status = 'running';
COMMENT ON TABLE syncer.runs IS 'One row a run. While a run lives it holds an advisory lock on its id; a running row without that lock died.';
COMMENT ON COLUMN syncer.runs.run_id IS 'Increasing number of the run.';
COMMENT ON COLUMN syncer.runs.kind IS 'What the run was for: sync, backfill or import.';
COMMENT ON COLUMN syncer.runs.shard IS 'Shard as index/count; 0/1 is everything.';
COMMENT ON COLUMN syncer.runs.status IS 'running, ok, partial, failed, or aborted when a later run found it dead.';
COMMENT ON COLUMN syncer.runs.started_at IS 'When the run began.';
COMMENT ON COLUMN syncer.runs.finished_at IS 'When the run ended; NULL while it runs.';
COMMENT ON COLUMN syncer.runs.repos_ok IS 'Repos whose list was read and written, drifting ones included.';
COMMENT ON COLUMN syncer.runs.repos_failed IS 'Repos that could not be read or written.';
COMMENT ON COLUMN syncer.runs.repos_held IS 'Repos whose vanished images were held back as doubtful.';
COMMENT ON COLUMN syncer.runs.images_seen IS 'Images in the lists that were read.';
COMMENT ON COLUMN syncer.runs.images_new IS 'Images seen for the first time.';
COMMENT ON COLUMN syncer.runs.images_changed IS 'Known images of which anything was written.';
COMMENT ON COLUMN syncer.runs.images_missing IS 'Images newly marked missing.';
COMMENT ON COLUMN syncer.runs.history_rows IS 'Rows added to the history.';
COMMENT ON COLUMN syncer.runs.requests IS 'HTTP requests sent, retries included.';
COMMENT ON COLUMN syncer.runs.retries IS 'Requests that repeated a failed one.';
COMMENT ON COLUMN syncer.runs.error IS 'Why the run is not ok; NULL when it is.';
COMMENT ON COLUMN syncer.runs.version IS 'Version of the program.';

-- Numbers of repos that hash well together with their images' numbers. An image's id is repo_id * 2^32 + number, and PostgreSQL
-- hashes a bigint as the XOR of its halves: with repos 1, 2, 3 ... the 100,000 images of 100 repos had 1,024 hash values, and
-- every hash join or aggregate over images was ten times slower than its scan. Multiplying by an odd number modulo 2^30 is one to
-- one and spreads repos over the whole range.
CREATE SEQUENCE syncer.repo_numbers AS bigint MAXVALUE 1073741823;
COMMENT ON SEQUENCE syncer.repo_numbers IS 'Repos in the order they became known; multiplied, they are the ids.';

CREATE TABLE syncer.repos (
    repo_id           bigint PRIMARY KEY DEFAULT (nextval('syncer.repo_numbers') * 668265261) % 1073741824,
    source            text COLLATE "C" NOT NULL,
    name              text COLLATE "C" NOT NULL,
    project_id        text NOT NULL DEFAULT '',
    project_at        timestamptz,
    next_image        bigint NOT NULL DEFAULT 1 CHECK (next_image <= 4294967296),
    images            bigint NOT NULL DEFAULT 0,
    pull_count        bigint NOT NULL DEFAULT 0,
    first_seen_at     timestamptz,
    last_look_at      timestamptz,
    last_archived_at  timestamptz,
    last_complete_at  timestamptz,
    last_attempt_at   timestamptz,
    last_status       text CHECK (last_status IN ('ok', 'drifting', 'held', 'failed', 'locked')),
    last_error        text,
    held_since        timestamptz,
    absence           smallint NOT NULL DEFAULT 0,
    gone_at           timestamptz,
    unconfigured_at   timestamptz,
    UNIQUE (source, name)
) WITH (fillfactor = 70); -- every look writes the row: room for HOT updates
COMMENT ON TABLE syncer.repos IS 'One row a repo. The row lock of a repo orders everything that is written about it.';
COMMENT ON COLUMN syncer.repos.repo_id IS 'Surrogate key; the upper half of its images'' ids.';
COMMENT ON COLUMN syncer.repos.source IS 'Configured source that the repo is read from.';
COMMENT ON COLUMN syncer.repos.name IS 'Repo name, unique within its source.';
COMMENT ON COLUMN syncer.repos.project_id IS 'Project the repo was last read with; empty for the account''s default project.';
COMMENT ON COLUMN syncer.repos.project_at IS 'Moment at which a look, of a run or out of an archive, named that project.';
COMMENT ON COLUMN syncer.repos.next_image IS 'Number of the next new image.';
COMMENT ON COLUMN syncer.repos.images IS 'Images that are not deleted.';
COMMENT ON COLUMN syncer.repos.pull_count IS 'Sum of the last counts of these images.';
COMMENT ON COLUMN syncer.repos.first_seen_at IS 'First look that read the list; NULL when none has.';
COMMENT ON COLUMN syncer.repos.last_archived_at IS 'Latest moment of an archived look; later looks of runs get later moments.';
COMMENT ON COLUMN syncer.repos.last_look_at IS 'Last look that read the list, complete or not. Images without a time of their own were seen then.';
COMMENT ON COLUMN syncer.repos.last_complete_at IS 'Last look that proves absence: complete and not held.';
COMMENT ON COLUMN syncer.repos.last_attempt_at IS 'Last time a run tried the repo.';
COMMENT ON COLUMN syncer.repos.last_status IS 'Outcome of that try.';
COMMENT ON COLUMN syncer.repos.last_error IS 'Reason of that outcome when it is not ok.';
COMMENT ON COLUMN syncer.repos.held_since IS 'Since when vanished images of the repo, or its own leaving, are held back as doubtful; NULL when they are not.';
COMMENT ON COLUMN syncer.repos.absence IS 'Evidence that the repo itself is gone: 2 for each complete listing without it, at most 2 while its source is held, cleared by a look.';
COMMENT ON COLUMN syncer.repos.gone_at IS 'When that evidence reached 4.';
COMMENT ON COLUMN syncer.repos.unconfigured_at IS 'Since when neither configuration nor discovery names the repo; cleared by the next try.';

-- The rows of quiet runs over many repos are most of what a year costs on disk. So numbers are as narrow as they can be, the wide
-- ones stand first, and columns that mostly say the same are NULL then.
CREATE TABLE syncer.looks (
    at             timestamptz NOT NULL,
    total_count    bigint,
    repo_id        integer NOT NULL,
    run_id         integer,
    took_ms        integer NOT NULL DEFAULT 0,
    images_seen    integer NOT NULL DEFAULT 0,
    weight         smallint CHECK (weight BETWEEN 0 AND 4),
    complete       boolean NOT NULL DEFAULT false,
    status         text NOT NULL CHECK (status IN ('ok', 'drifting', 'held', 'failed', 'locked', 'gone', 'archived')),
    images_changed integer,
    pages          integer,
    walks          integer,
    images_new     integer,
    images_missing integer,
    rows_rejected  integer,
    error          text
) PARTITION BY RANGE (at);
-- Runs follow each other in time: a BRIN index finds the rows of one at next to no cost for those who write them.
CREATE INDEX looks_run ON syncer.looks USING brin (run_id) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX looks_repo ON syncer.looks (repo_id, at);
COMMENT ON TABLE syncer.looks IS 'Facts: every attempt of a run at a repo, and every moment at which an archive looked at it. A row with a weight is a look. Partitioned by month of at (UTC).';
COMMENT ON COLUMN syncer.looks.repo_id IS 'The repo.';
COMMENT ON COLUMN syncer.looks.at IS 'The moment the look speaks of; for a repo that was not read, when that was known.';
COMMENT ON COLUMN syncer.looks.run_id IS 'The run; NULL for a look out of an archive.';
COMMENT ON COLUMN syncer.looks.took_ms IS 'Milliseconds since the repo''s first request was sent.';
COMMENT ON COLUMN syncer.looks.images_seen IS 'Distinct images read.';
COMMENT ON COLUMN syncer.looks.images_changed IS 'Known images of which anything was written; NULL for none.';
COMMENT ON COLUMN syncer.looks.pages IS 'Pages read by all walks; NULL for one.';
COMMENT ON COLUMN syncer.looks.weight IS 'What the look proves of an image that it did not hold: 2 a complete look, 1 the union of three walks that drifted, 0 nothing (too much vanished, a row had no name), 4 that the repo left the lists; NULL when this is no look.';
COMMENT ON COLUMN syncer.looks.complete IS 'Whether the whole list was read and nothing in it was held back.';
COMMENT ON COLUMN syncer.looks.status IS 'ok, drifting, held, failed, locked; gone when the repo left the lists; archived when an archive looked.';
COMMENT ON COLUMN syncer.looks.total_count IS 'TotalCount as the API said last; NULL when it said nothing usable.';
COMMENT ON COLUMN syncer.looks.walks IS 'Walks over the list; NULL for one.';
COMMENT ON COLUMN syncer.looks.images_new IS 'Images seen for the first time; NULL for none.';
COMMENT ON COLUMN syncer.looks.images_missing IS 'Images newly marked missing; NULL for none.';
COMMENT ON COLUMN syncer.looks.rows_rejected IS 'Rows of the API that could not be used, or only in part; NULL for none.';
COMMENT ON COLUMN syncer.looks.error IS 'Reason of a status that is not ok.';

CREATE TABLE syncer.repo_days (
    repo_id        bigint NOT NULL,
    day            date NOT NULL,
    looks          integer NOT NULL,
    complete_looks integer NOT NULL,
    images         bigint NOT NULL,
    pulls          bigint NOT NULL,
    rises          integer NOT NULL DEFAULT 0,
    PRIMARY KEY (repo_id, day)
) WITH (fillfactor = 70);
COMMENT ON TABLE syncer.repo_days IS 'Roll-up of a repo''s UTC days: how often it was looked at and what was pulled. Kept for ever.';
COMMENT ON COLUMN syncer.repo_days.repo_id IS 'The repo.';
COMMENT ON COLUMN syncer.repo_days.day IS 'UTC day.';
COMMENT ON COLUMN syncer.repo_days.looks IS 'Looks that read the list, complete or not.';
COMMENT ON COLUMN syncer.repo_days.complete_looks IS 'Looks that prove absence.';
COMMENT ON COLUMN syncer.repo_days.images IS 'Images that were not deleted at the last look of the day.';
COMMENT ON COLUMN syncer.repo_days.rises IS 'Images of which pulls were noticed that day.';
COMMENT ON COLUMN syncer.repo_days.pulls IS 'Sum of the pulls of the history rows observed that day.';

-- Which repos of a backfill are done stands in looks, written together with their data; here is only where a backfill begins, and
-- whether it is over.
CREATE TABLE syncer.backfills (
    backfill_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope       text NOT NULL,
    first_run   bigint NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE UNIQUE INDEX backfills_open ON syncer.backfills (scope) WHERE finished_at IS NULL;
COMMENT ON TABLE syncer.backfills IS 'One row a backfill. At most one of each scope is open.';
COMMENT ON COLUMN syncer.backfills.backfill_id IS 'Increasing number of the backfill.';
COMMENT ON COLUMN syncer.backfills.scope IS 'Shard as index/count, and the repos it is limited to, if any.';
COMMENT ON COLUMN syncer.backfills.first_run IS 'Runs of kind backfill from this number on belong to it.';
COMMENT ON COLUMN syncer.backfills.started_at IS 'When its first run began.';
COMMENT ON COLUMN syncer.backfills.finished_at IS 'When every repo had been read, or another one was begun instead; NULL while it is open.';

-- +goose Down
-- Without CASCADE: what others built on it makes this fail with their names. The schema stays, it holds the list of migrations.
DROP TABLE syncer.backfills, syncer.repo_days, syncer.looks, syncer.repos, syncer.runs;
DROP SEQUENCE syncer.repo_numbers;
