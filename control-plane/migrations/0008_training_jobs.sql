-- Training jobs: their code, arrays of them, and the attempts of each.

-- Code of training jobs: gzipped tars of at most 100 MB, each once for each customer by its SHA-256, in parts.
CREATE TABLE IF NOT EXISTS codes (
  id varchar(64) PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
  sha256 char(64) NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  size bigint NOT NULL CHECK (size BETWEEN 1 AND 100000000),
  -- Since when all of it is here and was checked.
  ready_at timestamptz,
  created_at timestamptz NOT NULL,
  -- Begun or ordered with last: what was not for long is evicted first.
  used_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_codes_content ON codes (customer_id, sha256);
CREATE INDEX IF NOT EXISTS idx_codes_sha256 ON codes (sha256);

CREATE TABLE IF NOT EXISTS code_parts (
  code_id varchar(64) NOT NULL REFERENCES codes ON DELETE CASCADE,
  -- From 0; all but the last have 512 KiB.
  number int NOT NULL CHECK (number >= 0),
  bytes bytea NOT NULL CHECK (length(bytes) BETWEEN 1 AND 524288),
  PRIMARY KEY (code_id, number)
);
-- It is compressed already.
ALTER TABLE code_parts ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Arrays of training jobs: one order that makes many, of which no more than so many run at once.
CREATE TABLE IF NOT EXISTS training_job_groups (
  id varchar(64) PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  workspace_id bigint REFERENCES workspaces,
  -- As it was ordered; each element's own ends with its index.
  name varchar(128) NOT NULL,
  first_index int NOT NULL,
  last_index int NOT NULL,
  -- Null: all of them.
  at_once int CHECK (at_once BETWEEN 1 AND 1000),
  created_at timestamptz NOT NULL,
  deleted_at timestamptz,
  CONSTRAINT training_job_groups_range_check
    CHECK (first_index >= 0 AND last_index >= first_index AND last_index - first_index < 1000)
);
CREATE INDEX IF NOT EXISTS idx_training_job_groups_customer ON training_job_groups (customer_id);
CREATE INDEX IF NOT EXISTS idx_training_job_groups_workspace ON training_job_groups (workspace_id);

ALTER TABLE training_jobs
  -- As of environments.
  ADD COLUMN IF NOT EXISTS queued_at timestamptz,
  -- Since when it is wanted: an order from its moment on. Rows of the old system get no default: null, until somebody
  -- confirms them.
  ADD COLUMN IF NOT EXISTS confirmed_at timestamptz,
  -- Since when it has places, which takes it out of the line; it is queued on until its ranks run. Null without places.
  ADD COLUMN IF NOT EXISTS placed_at timestamptz,
  ALTER COLUMN confirmed_at SET DEFAULT now(),
  -- Attempts of training jobs: how many there were and why, and where the next one is not tried.
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
  ADD CONSTRAINT training_jobs_retries_check CHECK (infrastructure_retries >= 0 AND program_retries >= 0),
  -- Of codes, which may be gone once the job has ended.
  ADD COLUMN IF NOT EXISTS code_id varchar(64),
  -- The code folder of the environment in env_id is mounted; the old system's jobs only name where they came from.
  ADD COLUMN IF NOT EXISTS mounts_env_code boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS group_id varchar(64),
  ADD COLUMN IF NOT EXISTS array_index int,
  DROP CONSTRAINT IF EXISTS training_jobs_group_id_fkey,
  ADD CONSTRAINT training_jobs_group_id_fkey FOREIGN KEY (group_id) REFERENCES training_job_groups,
  DROP CONSTRAINT IF EXISTS training_jobs_array_check,
  ADD CONSTRAINT training_jobs_array_check CHECK ((group_id IS NULL) = (array_index IS NULL)),
  ADD COLUMN IF NOT EXISTS status_reason_code varchar(64),
  ADD COLUMN IF NOT EXISTS status_reason_params jsonb;

CREATE INDEX IF NOT EXISTS idx_training_jobs_code ON training_jobs (code_id) WHERE code_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS idx_training_jobs_group ON training_jobs (group_id, array_index);
CREATE INDEX IF NOT EXISTS idx_training_jobs_updated_at ON training_jobs (updated_at);
