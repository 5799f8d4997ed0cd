-- Replicas that their services go without end once nobody waits for an answer of theirs. What gateways have open of each.

CREATE TABLE IF NOT EXISTS gateway_reports (
  gateway_id varchar(64) PRIMARY KEY REFERENCES gateways ON DELETE CASCADE,
  -- By this database's clock: whatever was committed before is followed there.
  routes_as_of timestamptz NOT NULL,
  reported_at timestamptz NOT NULL,
  -- By the services that it keeps: requests in flight, held and so far, and those open at replicas that left the route.
  services jsonb NOT NULL
);

ALTER TABLE instances
  -- Of a replica: since when no gateway is to give it a request any more, and why; it still ends those that it has.
  ADD COLUMN IF NOT EXISTS draining_since timestamptz,
  ADD COLUMN IF NOT EXISTS draining_why text,
  -- By this database's clock, after that was committed: a gateway that follows a later moment gives it none.
  ADD COLUMN IF NOT EXISTS drain_announced_at timestamptz,
  DROP CONSTRAINT IF EXISTS instances_draining_check,
  ADD CONSTRAINT instances_draining_check CHECK ((draining_since IS NULL) = (draining_why IS NULL)
    AND (drain_announced_at IS NULL OR draining_since IS NOT NULL));

ALTER TABLE placements
  -- Connections to it that its host's access process has open, as told last of a replica that drains; null: not told.
  ADD COLUMN IF NOT EXISTS open_streams int,
  DROP CONSTRAINT IF EXISTS placements_open_streams_check,
  ADD CONSTRAINT placements_open_streams_check CHECK (open_streams >= 0);
