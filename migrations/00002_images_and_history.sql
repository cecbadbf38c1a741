-- Images as they are now, the history of their counters, its daily roll-up, and events.

-- +goose Up

-- No foreign keys below repos: images, history and roll-up of a repo are only ever written together under its row lock, and
-- a check a row would be a good part of a first load. The id itself ties an image to its repo.
CREATE TABLE syncer.images (
    image_id        bigint PRIMARY KEY,
    repo_id         bigint NOT NULL,
    name            text COLLATE "C" NOT NULL,
    pull_count      bigint,
    kind            smallint,
    count_before    bigint,
    observed_at     timestamptz,
    generation      integer NOT NULL,
    latest_tag      text,
    create_time_raw text,
    created_at      timestamptz,
    update_time_raw text,
    updated_at      timestamptz,
    first_seen_at   timestamptz NOT NULL,
    absent_at       timestamptz,
    last_seen_at    timestamptz,
    last_counted_at timestamptz,
    last_pulled_at  timestamptz,
    absence         smallint NOT NULL DEFAULT 0,
    missing_since   timestamptz,
    deleted_at      timestamptz,
    UNIQUE (repo_id, name),
    CHECK (image_id >> 32 = repo_id)
) WITH (fillfactor = 80); -- the counter's new version should find room on its page (HOT)
COMMENT ON TABLE syncer.images IS 'One row an image, as last seen. An image in which nothing changed is not written.';
COMMENT ON COLUMN syncer.images.image_id IS 'repo_id * 2^32 + number within the repo, so that a repo is a range of ids everywhere.';
COMMENT ON COLUMN syncer.images.repo_id IS 'The repo.';
COMMENT ON COLUMN syncer.images.name IS 'Image name, unique within the repo.';
COMMENT ON COLUMN syncer.images.pull_count IS 'Last count that could be read; NULL when none ever was.';
COMMENT ON COLUMN syncer.images.kind IS 'Kind of the last history row, as in syncer.history.';
COMMENT ON COLUMN syncer.images.count_before IS 'While kind is suspect: the count before the doubtful drop.';
COMMENT ON COLUMN syncer.images.observed_at IS 'observed_at of the last history row.';
COMMENT ON COLUMN syncer.images.generation IS '1 at first, one more each time the image was made anew.';
COMMENT ON COLUMN syncer.images.latest_tag IS 'Last pushed tag; NULL when the API names none.';
COMMENT ON COLUMN syncer.images.create_time_raw IS 'CreateTime as the API sent it.';
COMMENT ON COLUMN syncer.images.created_at IS 'CreateTime as far as it could be understood.';
COMMENT ON COLUMN syncer.images.update_time_raw IS 'UpdateTime as the API sent it.';
COMMENT ON COLUMN syncer.images.updated_at IS 'UpdateTime as far as it could be understood.';
COMMENT ON COLUMN syncer.images.first_seen_at IS 'First look that saw the image.';
COMMENT ON COLUMN syncer.images.absent_at IS 'Last complete look before that, which did not hold it; NULL when the repo had never been completely seen.';
COMMENT ON COLUMN syncer.images.last_seen_at IS 'Last look that saw the image, only when the repo''s last look did not.';
COMMENT ON COLUMN syncer.images.last_counted_at IS 'Last look that could read the count, only when the last look that saw the image could not.';
COMMENT ON COLUMN syncer.images.last_pulled_at IS 'observed_at of the last history row with pulls above 0.';
COMMENT ON COLUMN syncer.images.absence IS 'Evidence of absence: 2 for each complete look without it, 1 for each drifting one, 0 once seen.';
COMMENT ON COLUMN syncer.images.missing_since IS 'First look of the present absence at which the evidence had reached 2.';
COMMENT ON COLUMN syncer.images.deleted_at IS 'Look at which the evidence reached 4.';

-- No DEFAULT partition: a row without a month must be an error, not a surprise in a month to come.
CREATE TABLE syncer.history (
    image_id    bigint NOT NULL,
    observed_at timestamptz NOT NULL,
    since       timestamptz,
    pull_count  bigint NOT NULL,
    pulls       bigint,
    generation  integer NOT NULL,
    kind        smallint NOT NULL CHECK (kind BETWEEN 1 AND 7),
    PRIMARY KEY (image_id, observed_at)
) PARTITION BY RANGE (observed_at);
COMMENT ON TABLE syncer.history IS 'A row for each change of a counter or of what is believed of it. Partitioned by month of observed_at (UTC).';
COMMENT ON COLUMN syncer.history.image_id IS 'The image.';
COMMENT ON COLUMN syncer.history.observed_at IS 'Look that saw the new value.';
COMMENT ON COLUMN syncer.history.since IS 'Last look that saw the value before; for new the last complete look without the image; NULL for baseline.';
COMMENT ON COLUMN syncer.history.pull_count IS 'Count as read.';
COMMENT ON COLUMN syncer.history.pulls IS 'Pulls in (since, observed_at]; NULL when unknown (baseline).';
COMMENT ON COLUMN syncer.history.generation IS 'Generation of the image.';
COMMENT ON COLUMN syncer.history.kind IS '1 baseline, 2 new, 3 increase, 4 correction, 5 suspect, 6 recovered, 7 reset.';

CREATE TABLE syncer.image_days (
    image_id   bigint NOT NULL,
    day        date NOT NULL,
    pulls      bigint,
    pull_count bigint NOT NULL,
    resets     integer NOT NULL,
    PRIMARY KEY (image_id, day)
) PARTITION BY RANGE (day);
COMMENT ON TABLE syncer.image_days IS 'Roll-up of the history by UTC day of observed_at, kept for ever. Partitioned by month.';
COMMENT ON COLUMN syncer.image_days.image_id IS 'The image.';
COMMENT ON COLUMN syncer.image_days.day IS 'UTC day.';
COMMENT ON COLUMN syncer.image_days.pulls IS 'Sum of the pulls of the day''s history rows; NULL when all are unknown.';
COMMENT ON COLUMN syncer.image_days.pull_count IS 'Count of the day''s last history row.';
COMMENT ON COLUMN syncer.image_days.resets IS 'History rows of kind reset.';

CREATE TABLE syncer.retention (
    one_row      boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    history_from timestamptz NOT NULL
);
COMMENT ON TABLE syncer.retention IS 'At most one row: how far back the history reaches since months of it were dropped.';
COMMENT ON COLUMN syncer.retention.one_row IS 'Always true: there is one row.';
COMMENT ON COLUMN syncer.retention.history_from IS 'Months that ended by then were dropped from the history; the roll-up still has them.';

CREATE TABLE syncer.events (
    at        timestamptz NOT NULL,
    repo_id   bigint NOT NULL,
    image_id  bigint,
    event     text NOT NULL CHECK (event IN ('tag_pushed', 'missing', 'reappeared', 'deleted', 'held', 'released', 'gone', 'back')),
    old_value text,
    new_value text
);
CREATE INDEX events_at ON syncer.events (at);
CREATE INDEX events_repo ON syncer.events (repo_id, at);
COMMENT ON TABLE syncer.events IS 'What happened to images and repos and cannot be derived from another table.';
COMMENT ON COLUMN syncer.events.at IS 'Look at which it was noticed.';
COMMENT ON COLUMN syncer.events.repo_id IS 'The repo.';
COMMENT ON COLUMN syncer.events.image_id IS 'The image; NULL for events of the repo itself.';
COMMENT ON COLUMN syncer.events.event IS 'tag_pushed, missing, reappeared, deleted; of a repo: held, released, gone, back.';
COMMENT ON COLUMN syncer.events.old_value IS 'Value before, as far as the event has one.';
COMMENT ON COLUMN syncer.events.new_value IS 'Value after, as far as the event has one.';

-- +goose StatementBegin
CREATE FUNCTION syncer.make_partitions(first timestamptz, last timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    month date := date_trunc('month', first AT TIME ZONE 'UTC');
    ends  date;
    part  text;
BEGIN
    -- Concurrent runs meet at the turn of the month; one makes the partitions, the others find them.
    PERFORM pg_advisory_xact_lock(hashtext('syncer.make_partitions'));
    WHILE month <= (last AT TIME ZONE 'UTC')::date LOOP
        ends := month + interval '1 month';
        part := to_char(month, '"y"FMYYYY"m"MM');
        -- Attaching, unlike CREATE ... PARTITION OF, does not lock readers and writers of the other months out.
        IF to_regclass('syncer.history_' || part) IS NULL THEN
            EXECUTE format('CREATE TABLE syncer.%I (LIKE syncer.history INCLUDING ALL)', 'history_' || part);
            EXECUTE format('ALTER TABLE syncer.history ATTACH PARTITION syncer.%I FOR VALUES FROM (%L) TO (%L)',
                'history_' || part, month::timestamp AT TIME ZONE 'UTC', ends::timestamp AT TIME ZONE 'UTC');
        END IF;
        IF to_regclass('syncer.image_days_' || part) IS NULL THEN
            EXECUTE format('CREATE TABLE syncer.%I (LIKE syncer.image_days INCLUDING ALL)', 'image_days_' || part);
            EXECUTE format('ALTER TABLE syncer.image_days ATTACH PARTITION syncer.%I FOR VALUES FROM (%L) TO (%L)',
                'image_days_' || part, month, ends);
        END IF;
        IF to_regclass('syncer.repo_syncs_' || part) IS NULL THEN
            EXECUTE format('CREATE TABLE syncer.%I (LIKE syncer.repo_syncs INCLUDING ALL)', 'repo_syncs_' || part);
            EXECUTE format('ALTER TABLE syncer.repo_syncs ATTACH PARTITION syncer.%I FOR VALUES FROM (%L) TO (%L)',
                'repo_syncs_' || part, month::timestamp AT TIME ZONE 'UTC', ends::timestamp AT TIME ZONE 'UTC');
        END IF;
        month := ends;
    END LOOP;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.make_partitions(timestamptz, timestamptz) IS 'Makes the monthly partitions (UTC) of history, image_days and repo_syncs that are missing between two moments.';

-- +goose Down
DROP FUNCTION syncer.make_partitions;
DROP TABLE syncer.events, syncer.retention, syncer.image_days, syncer.history, syncer.images;
-- A repo whose images are forgotten was never seen: the next look must not take what was always there for new.
TRUNCATE syncer.repos, syncer.repo_syncs, syncer.repo_days;
