-- Stretches of runs' time that are metered and not charged, beside the moment from which a stop waives all of it:
-- what was broken is free. A stretch without an end lasts on; its end is set once.
CREATE TABLE IF NOT EXISTS run_waivers (
  id bigserial PRIMARY KEY,
  run_id varchar(64) NOT NULL REFERENCES runs,
  reason varchar(32) NOT NULL CHECK (reason IN ('gpu-lost', 'host-died', 'never-ready')),
  from_at timestamptz NOT NULL,
  to_at timestamptz,
  -- What shows it, for people: events and samples with their moments.
  evidence jsonb NOT NULL CHECK (jsonb_typeof(evidence) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT run_waivers_from_before_to CHECK (from_at < to_at),
  UNIQUE (run_id, reason, from_at)
);
CREATE INDEX IF NOT EXISTS idx_run_waivers_open ON run_waivers (run_id) WHERE to_at IS NULL;
