-- Attempts of training jobs: how many there were and why, and where the next one is not tried.

ALTER TABLE training_jobs
  -- The one that stands or ended last; each has runs and an output folder of its own.
  ADD COLUMN IF NOT EXISTS attempt int NOT NULL DEFAULT 1,
  -- So many were begun because of what the job stood on, and because of its own program, since it was last ordered.
  ADD COLUMN IF NOT EXISTS infrastructure_retries int NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS program_retries int NOT NULL DEFAULT 0,
  -- Since when somebody does not want it any more: whatever becomes of it, no attempt follows by itself.
  ADD COLUMN IF NOT EXISTS cancel_ordered_at timestamptz,
  DROP CONSTRAINT IF EXISTS training_jobs_attempt_check,
  ADD CONSTRAINT training_jobs_attempt_check CHECK (attempt BETWEEN 1 AND 20),
  DROP CONSTRAINT IF EXISTS training_jobs_retries_check,
  ADD CONSTRAINT training_jobs_retries_check CHECK (infrastructure_retries >= 0 AND program_retries >= 0);

-- An attempt failed there of what it stood on: that host is skipped for this start until the time given.
CREATE TABLE IF NOT EXISTS placement_host_skips (
  workload_kind varchar(16) NOT NULL CHECK (workload_kind IN ('environment', 'training', 'inference')),
  workload_id varchar(64) NOT NULL,
  -- As of placement_skips.
  first_rank int NOT NULL DEFAULT 0 CHECK (first_rank >= 0),
  host_id varchar(64) NOT NULL REFERENCES hosts,
  reason text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (workload_kind, workload_id, first_rank, host_id)
);
CREATE INDEX IF NOT EXISTS idx_placement_host_skips_until ON placement_host_skips (until);
CREATE INDEX IF NOT EXISTS idx_placement_host_skips_host ON placement_host_skips (host_id);
