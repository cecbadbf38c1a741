-- Images as they are now, every reading of them, the daily roll-up of the history, and events.

-- +goose Up

-- No foreign keys below repos: images, history and roll-up of a repo are only ever written together under its row lock, and
-- a check a row would be a good part of a first load. The id itself ties an image to its repo.
CREATE TABLE syncer.images (
    image_id        bigint PRIMARY KEY,
    repo_id         bigint NOT NULL,
    name            text COLLATE "C" NOT NULL,
    pull_count      bigint,
    kind            smallint,
    observed_at     timestamptz,
    believed        bigint,
    fallen_at       timestamptz,
    lowest          bigint,
    generation      integer NOT NULL,
    latest_tag      text,
    create_time_raw text,
    created_at      timestamptz,
    update_time_raw text,
    updated_at      timestamptz,
    update_read_at  timestamptz,
    archived_updated_at timestamptz,
    updated_from    timestamptz,
    first_seen_at   timestamptz,
    absent_at       timestamptz,
    last_seen_at    timestamptz,
    last_counted_at timestamptz,
    last_pulled_at  timestamptz,
    absence         smallint NOT NULL DEFAULT 0,
    missing_since   timestamptz,
    deleted_at      timestamptz,
    live            smallint NOT NULL DEFAULT 0,
    UNIQUE (repo_id, name),
    CHECK (image_id >> 32 = repo_id)
) WITH (fillfactor = 80); -- the counter's new version should find room on its page (HOT)
COMMENT ON TABLE syncer.images IS 'One row an image: the state that its readings come to. An image in which nothing changed is not written.';
COMMENT ON COLUMN syncer.images.image_id IS 'repo_id * 2^32 + number within the repo, so that a repo is a range of ids everywhere.';
COMMENT ON COLUMN syncer.images.repo_id IS 'The repo.';
COMMENT ON COLUMN syncer.images.name IS 'Image name, unique within the repo.';
COMMENT ON COLUMN syncer.images.pull_count IS 'Last count that could be read; NULL when none ever was.';
COMMENT ON COLUMN syncer.images.kind IS 'Kind of the last row of the history, as in syncer.readings.';
COMMENT ON COLUMN syncer.images.observed_at IS 'observed_at of the last row of the history.';
COMMENT ON COLUMN syncer.images.believed IS 'While the count is fallen: the count that is believed until the fall is.';
COMMENT ON COLUMN syncer.images.fallen_at IS 'While the count is fallen: the look that saw it first.';
COMMENT ON COLUMN syncer.images.lowest IS 'While the count is fallen: the lowest count since.';
COMMENT ON COLUMN syncer.images.generation IS '0 while no count was read, then 1, one more each time the image was made anew.';
COMMENT ON COLUMN syncer.images.latest_tag IS 'Last pushed tag, empty when the API names none; NULL when it is not known.';
COMMENT ON COLUMN syncer.images.create_time_raw IS 'CreateTime as the API sent it last.';
COMMENT ON COLUMN syncer.images.created_at IS 'The last CreateTime that could be understood.';
COMMENT ON COLUMN syncer.images.update_time_raw IS 'UpdateTime as runs read it last.';
COMMENT ON COLUMN syncer.images.updated_at IS 'UpdateTime as runs read it last, as far as it could be understood.';
COMMENT ON COLUMN syncer.images.update_read_at IS 'Last look of a run that gave UpdateTime, only when that is not the last look that saw the image.';
COMMENT ON COLUMN syncer.images.archived_updated_at IS 'UpdateTime out of an archive that is newer than that look, as far as it could be understood.';
COMMENT ON COLUMN syncer.images.updated_from IS 'Moment of that archive; NULL when there is none, so that updated_at holds.';
COMMENT ON COLUMN syncer.images.first_seen_at IS 'First look that saw the image; NULL while all there is are archives that say when it was not there.';
COMMENT ON COLUMN syncer.images.absent_at IS 'Last complete look before that, which did not hold it; NULL when there was none. Of an image never seen, the last archived one.';
COMMENT ON COLUMN syncer.images.last_seen_at IS 'Last look that saw the image, only when that is not the repo''s last_look_at.';
COMMENT ON COLUMN syncer.images.last_counted_at IS 'Last look that could read the count, only when that is not the last look that saw the image.';
COMMENT ON COLUMN syncer.images.last_pulled_at IS 'observed_at of the last row of the history with pulls above 0.';
COMMENT ON COLUMN syncer.images.absence IS 'Evidence of absence: 2 for each complete look without it, 1 for each drifting one, 0 once seen.';
COMMENT ON COLUMN syncer.images.missing_since IS 'First look of the present absence at which the evidence had reached 2.';
COMMENT ON COLUMN syncer.images.deleted_at IS 'Look at which the evidence reached 4.';
COMMENT ON COLUMN syncer.images.live IS 'What the last look of a run said, as far as an archive may have changed the other columns since. Bits: 1 there was one that held the image, 2 the image was not in the list, 4 its count could not be read, 8 it read pull_count, 16 latest_tag, 32 create_time_raw, 64 it gave no CreateTime.';

-- What was read (the facts) and what that means (derived, and written anew when facts come in between). A row of a run says how the
-- image is read from that look on, at every later look of its repo, until the image's next row of a run; a row of an archive
-- speaks of its own moment alone. So a look at an image that did not change writes nothing.
-- No DEFAULT partition: a row without a month must be an error, not a surprise in a month to come.
CREATE TABLE syncer.readings (
    image_id    bigint NOT NULL,
    observed_at timestamptz NOT NULL,
    pull_count  bigint,
    since       timestamptz,
    pulls       bigint,
    generation  integer,
    kind        smallint CHECK (kind BETWEEN 1 AND 7),
    archived    boolean NOT NULL DEFAULT false,
    absent      smallint,
    latest_tag  text,
    create_time text,
    update_time text,
    PRIMARY KEY (image_id, observed_at)
) PARTITION BY RANGE (observed_at);
COMMENT ON TABLE syncer.readings IS 'Facts: what an image was read as, and, derived from all of its readings, what that means. Rows with a kind are the history. Partitioned by month of observed_at (UTC).';
COMMENT ON COLUMN syncer.readings.image_id IS 'The image.';
COMMENT ON COLUMN syncer.readings.observed_at IS 'The look.';
COMMENT ON COLUMN syncer.readings.pull_count IS 'Fact: the count as read; NULL when it could not be read or the image was not in the list.';
COMMENT ON COLUMN syncer.readings.since IS 'Derived: last look that read the count as it was before; for new the last complete look without the image; NULL for baseline.';
COMMENT ON COLUMN syncer.readings.pulls IS 'Derived: pulls in (since, observed_at]; NULL when unknown (baseline).';
COMMENT ON COLUMN syncer.readings.generation IS 'Derived: generation of the image.';
COMMENT ON COLUMN syncer.readings.kind IS 'Derived: 1 baseline, 2 new, 3 increase, 4 correction, 5 suspect, 6 recovered, 7 reset; NULL when the reading says nothing new of the counter.';
COMMENT ON COLUMN syncer.readings.archived IS 'Fact: whether it came out of an archive.';
COMMENT ON COLUMN syncer.readings.absent IS 'Fact: NULL when the image was in the list; else the evidence of absence that an archive carries (1, 2, 4), or 0 for a look of a run, whose weight stands in syncer.looks.';
COMMENT ON COLUMN syncer.readings.latest_tag IS 'Fact: the tag as read, empty when the API named none; NULL when the reading before it holds or, in an archive, when it was not recorded.';
COMMENT ON COLUMN syncer.readings.create_time IS 'Fact: CreateTime as read; NULL as with latest_tag.';
COMMENT ON COLUMN syncer.readings.update_time IS 'Fact: UpdateTime as an archive recorded it. That of runs stands in syncer.images alone.';

CREATE TABLE syncer.kept_readings (LIKE syncer.readings INCLUDING ALL);
COMMENT ON TABLE syncer.kept_readings IS 'Of months that retention dropped, the last readings of each image, from which everything later is derived. Columns as in syncer.readings.';

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
    history_from timestamptz,
    looks_from   timestamptz
);
COMMENT ON TABLE syncer.retention IS 'At most one row: how far back readings and looks reach since months of them were dropped. Its lock keeps them while an import or a verification reads them.';
COMMENT ON COLUMN syncer.retention.one_row IS 'Always true: there is one row.';
COMMENT ON COLUMN syncer.retention.looks_from IS 'Months of looks that ended by then were dropped.';
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
CREATE UNIQUE INDEX events_image ON syncer.events (image_id, at, event);
COMMENT ON TABLE syncer.events IS 'What happened to images, derived from their readings, and to repos.';
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
        IF to_regclass('syncer.readings_' || part) IS NULL THEN
            EXECUTE format('CREATE TABLE syncer.%I (LIKE syncer.readings INCLUDING ALL)', 'readings_' || part);
            EXECUTE format('ALTER TABLE syncer.readings ATTACH PARTITION syncer.%I FOR VALUES FROM (%L) TO (%L)',
                'readings_' || part, month::timestamp AT TIME ZONE 'UTC', ends::timestamp AT TIME ZONE 'UTC');
        END IF;
        IF to_regclass('syncer.image_days_' || part) IS NULL THEN
            EXECUTE format('CREATE TABLE syncer.%I (LIKE syncer.image_days INCLUDING ALL)', 'image_days_' || part);
            EXECUTE format('ALTER TABLE syncer.image_days ATTACH PARTITION syncer.%I FOR VALUES FROM (%L) TO (%L)',
                'image_days_' || part, month, ends);
        END IF;
        IF to_regclass('syncer.looks_' || part) IS NULL THEN
            EXECUTE format('CREATE TABLE syncer.%I (LIKE syncer.looks INCLUDING ALL)', 'looks_' || part);
            EXECUTE format('ALTER TABLE syncer.looks ATTACH PARTITION syncer.%I FOR VALUES FROM (%L) TO (%L)',
                'looks_' || part, month::timestamp AT TIME ZONE 'UTC', ends::timestamp AT TIME ZONE 'UTC');
        END IF;
        month := ends;
    END LOOP;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION syncer.make_partitions(timestamptz, timestamptz) IS 'Makes the monthly partitions (UTC) of readings, image_days and looks that are missing between two moments.';

-- +goose Down
DROP FUNCTION syncer.make_partitions;
DROP TABLE syncer.events, syncer.retention, syncer.image_days, syncer.kept_readings, syncer.readings, syncer.images;
-- A repo whose images are forgotten was never seen: the next look must not take what was always there for new.
TRUNCATE syncer.repos, syncer.looks, syncer.repo_days;
