-- Pulls of one image for different orders told apart, how long a fetch has really been pulled and who pays for its
-- order, and what of a host's report matters to more than its readers.

-- The orders placed there that want just this pull; null: its host does not tell, so it is the image's for all of them.
ALTER TABLE host_pulls ADD COLUMN IF NOT EXISTS instance_ids text[];
-- One image may be pulled twice, with different credentials. An order waits for one pull, so its first one names it.
ALTER TABLE host_pulls DROP CONSTRAINT IF EXISTS host_pulls_once;
CREATE UNIQUE INDEX IF NOT EXISTS host_pulls_each
  ON host_pulls (host_id, image, fetch_id, (CASE WHEN fetch_id IS NULL THEN instance_ids[1] END)) NULLS NOT DISTINCT;

-- When its host last told, to the minute, of a pull that it waits for; null where its image was there.
ALTER TABLE placements ADD COLUMN IF NOT EXISTS waited_for_image_at timestamptz;
CREATE INDEX IF NOT EXISTS idx_placements_waited_for_image
  ON placements (waited_for_image_at) WHERE waited_for_image_at IS NOT NULL;

-- What was pulled before the last pause, and since when it is pulled again.
ALTER TABLE image_fetches ADD COLUMN IF NOT EXISTS pulled_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE image_fetches ADD COLUMN IF NOT EXISTS pulling_since timestamptz;
-- Null of fetches of before.
ALTER TABLE image_fetches ADD COLUMN IF NOT EXISTS payer_id bigint;
ALTER TABLE image_fetches DROP CONSTRAINT IF EXISTS image_fetches_outcome_check;
ALTER TABLE image_fetches ADD CONSTRAINT image_fetches_outcome_check
  CHECK (outcome IN ('present', 'failed', 'not-wanted', 'not-allowed', 'not-begun', 'host-away'));

-- Of the last report, without the numbers and sentences that only people read.
ALTER TABLE hosts ADD COLUMN IF NOT EXISTS observed_substance varchar(64);
