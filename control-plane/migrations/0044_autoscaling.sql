-- Services that scale by themselves: what is wished for them, and what is remembered of their load.

ALTER TABLE inference_services
  -- What would be done is told, and nothing is.
  ADD COLUMN IF NOT EXISTS autoscaling_dry_run boolean NOT NULL DEFAULT false,
  -- As many replicas as its load was found to need; null: nothing has been found yet.
  ADD COLUMN IF NOT EXISTS load_wish int,
  -- When a request woke it; null since it was last sent to sleep.
  ADD COLUMN IF NOT EXISTS woken_at timestamptz,
  DROP CONSTRAINT IF EXISTS inference_services_load_wish_check,
  ADD CONSTRAINT inference_services_load_wish_check CHECK (load_wish >= 0);

-- The last look at each, which every look begins with. A row is written every two seconds.
CREATE TABLE IF NOT EXISTS service_looks (
  service_id varchar(64) PRIMARY KEY REFERENCES inference_services ON DELETE CASCADE,
  looked_at timestamptz NOT NULL,
  -- As many replicas as are wished, or would be.
  wish int NOT NULL CHECK (wish >= 0),
  -- What was decided, and why.
  sentence text NOT NULL,
  -- The load of the last minute, and since when what is so.
  history jsonb,
  -- What replicas and gateways had counted.
  counts jsonb NOT NULL CHECK (jsonb_typeof(counts) = 'array')
);
