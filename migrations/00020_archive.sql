-- What an import must leave behind so that the order in which archives are imported never matters.
--
-- A run of equal counts is one row. An archive that is imported later may contradict a run in its midst, and where the run then
-- breaks depends on every single moment at which it was seen. Live looks can be found in repo_syncs; those of archives are
-- kept here, at a byte or two each.

-- +goose Up
ALTER TABLE syncer.history ADD COLUMN archived bytea; -- the eighth column: NULL costs nothing, two bytes fill up the padding
COMMENT ON COLUMN syncer.history.archived IS
'Archived observations of this count until the next row, packed: moments, tags, times and evidence of absence. NULL for live looks.';

CREATE TABLE syncer.archived_looks (
    repo_id bigint NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (repo_id, at)
);
COMMENT ON TABLE syncer.archived_looks IS 'Moments of the archived observations of a repo, so that each counts as one look, however many files hold it.';
COMMENT ON COLUMN syncer.archived_looks.repo_id IS 'The repo.';
COMMENT ON COLUMN syncer.archived_looks.at IS 'The moment.';

-- +goose Down
DROP TABLE syncer.archived_looks;
ALTER TABLE syncer.history DROP COLUMN archived;
