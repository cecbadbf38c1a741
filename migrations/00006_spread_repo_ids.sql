-- Numbers of repos that hash well together with their images' numbers.
--
-- An image's id is repo_id * 2^32 + number, and PostgreSQL hashes a bigint as the XOR of its halves: with repos 1, 2, 3 ...
-- the 100,000 images of 100 repos had 1,024 hash values, and every hash join or aggregate over images was ten times
-- slower than its scan. Multiplying by an odd number modulo 2^30 is one to one and spreads repos over the whole range.

-- +goose Up
ALTER TABLE syncer.repos ALTER COLUMN repo_id DROP IDENTITY;
CREATE SEQUENCE syncer.repo_numbers AS bigint MAXVALUE 1073741823 OWNED BY syncer.repos.repo_id;
-- Repos that are there keep their ids; one of them met again by the multiplication is as unlikely as it is harmless: the
-- insert fails on the primary key and the next number is another.
SELECT setval('syncer.repo_numbers', COUNT(*) + 1, false) FROM syncer.repos;
ALTER TABLE syncer.repos ALTER COLUMN repo_id SET DEFAULT (nextval('syncer.repo_numbers') * 668265261) % 1073741824;
COMMENT ON SEQUENCE syncer.repo_numbers IS 'Repos in the order they became known; multiplied, they are the ids.';

-- +goose Down
ALTER TABLE syncer.repos ALTER COLUMN repo_id DROP DEFAULT;
DROP SEQUENCE syncer.repo_numbers;
ALTER TABLE syncer.repos ALTER COLUMN repo_id ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('syncer.repos', 'repo_id'), COUNT(*) + 1, false) FROM syncer.repos;
