-- Backfills that go on where they stopped. Which repos are done stands in repo_syncs, written together with their data; here is
-- only where a backfill begins, and whether it is over.

-- +goose Up
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
DROP TABLE syncer.backfills;
