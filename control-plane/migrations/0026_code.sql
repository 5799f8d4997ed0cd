-- Code of training jobs: gzipped tars of at most 100 MB, each once for each customer by its SHA-256, in parts.
CREATE TABLE IF NOT EXISTS codes (
  id varchar(64) PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
  sha256 char(64) NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  size bigint NOT NULL CHECK (size BETWEEN 1 AND 100000000),
  -- Since when all of it is here and was looked at.
  ready_at timestamptz,
  created_at timestamptz NOT NULL,
  -- Begun or ordered with last: what was not for long gives way first.
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

ALTER TABLE training_jobs
  -- Of codes, which may be gone once the job has ended.
  ADD COLUMN IF NOT EXISTS code_id varchar(64),
  -- The code folder of the environment in env_id is mounted; the old system's jobs only name where they came from.
  ADD COLUMN IF NOT EXISTS mounts_env_code boolean NOT NULL DEFAULT false;
CREATE INDEX IF NOT EXISTS idx_training_jobs_code ON training_jobs (code_id) WHERE code_id IS NOT NULL;
