-- Gangs: training jobs of several ranks, on a network of their own, held until their preflight has passed.

ALTER TABLE placements
  -- The gang's network, one of 10.224.0.0/12: in use while any placement with its number holds something.
  ADD COLUMN IF NOT EXISTS gang_network int,
  -- Since when its container is up and held, and what its host found meanwhile; null where it is not.
  ADD COLUMN IF NOT EXISTS held_at timestamptz,
  ADD COLUMN IF NOT EXISTS findings jsonb,
  -- Since when all ranks may begin.
  ADD COLUMN IF NOT EXISTS released_at timestamptz,
  -- Addresses of ranks from which it hears nothing, as its host tells it.
  ADD COLUMN IF NOT EXISTS cut_off text[],
  -- The gang was given up because of this rank, of which nothing good is known since then.
  ADD COLUMN IF NOT EXISTS lost_since timestamptz,
  DROP CONSTRAINT IF EXISTS placements_gang_network_check,
  ADD CONSTRAINT placements_gang_network_check CHECK (gang_network BETWEEN 0 AND 4095);
CREATE INDEX IF NOT EXISTS idx_placements_gang_network ON placements (gang_network)
  WHERE gang_network IS NOT NULL AND resources_released_at IS NULL;

-- Two hosts whose ranks did not reach each other: no gang is placed on both of them until the time given.
CREATE TABLE IF NOT EXISTS gang_pair_skips (
  host_id varchar(64) NOT NULL REFERENCES hosts,
  other_host_id varchar(64) NOT NULL REFERENCES hosts,
  reason text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (host_id, other_host_id),
  CONSTRAINT gang_pair_skips_in_order CHECK (host_id < other_host_id)
);
CREATE INDEX IF NOT EXISTS idx_gang_pair_skips_other ON gang_pair_skips (other_host_id);
CREATE INDEX IF NOT EXISTS idx_gang_pair_skips_until ON gang_pair_skips (until);

-- Runs of gangs that were released and then broke: what one of them stood on failed, so from then on all are free.
CREATE TABLE IF NOT EXISTS gang_breaks (
  run_id varchar(64) NOT NULL REFERENCES runs,
  -- The run of the rank that broke, which may be this one.
  broken_by varchar(64) NOT NULL REFERENCES runs,
  since timestamptz NOT NULL,
  -- For people.
  sentence text NOT NULL,
  noticed_at timestamptz NOT NULL,
  PRIMARY KEY (run_id, broken_by)
);
CREATE INDEX IF NOT EXISTS idx_gang_breaks_broken_by ON gang_breaks (broken_by);
CREATE INDEX IF NOT EXISTS idx_gang_breaks_noticed_at ON gang_breaks (noticed_at);

ALTER TABLE run_waivers
  DROP CONSTRAINT IF EXISTS run_waivers_reason_check,
  ADD CONSTRAINT run_waivers_reason_check CHECK (reason IN ('gpu-lost', 'host-died', 'never-ready', 'gang-broken'));
