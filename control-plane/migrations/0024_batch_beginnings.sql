-- Where a batch begins and the hash before it, as its host sent them: what its first row is chained to can then be shown
-- even where the row before was lost with an earlier state of the database. Null for batches from before.
ALTER TABLE usage_batches ADD COLUMN IF NOT EXISTS first_seq bigint;
ALTER TABLE usage_batches ADD COLUMN IF NOT EXISTS previous_hash varchar(64);
ALTER TABLE usage_batches DROP CONSTRAINT IF EXISTS usage_batches_beginning_check;
ALTER TABLE usage_batches ADD CONSTRAINT usage_batches_beginning_check
  CHECK (first_seq >= 1 AND first_seq <= last_seq AND (first_seq IS NULL) = (previous_hash IS NULL));
