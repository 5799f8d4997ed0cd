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
  ADD COLUMN IF NOT EXISTS group_id varchar(64),
  ADD COLUMN IF NOT EXISTS array_index int,
  DROP CONSTRAINT IF EXISTS training_jobs_group_id_fkey,
  ADD CONSTRAINT training_jobs_group_id_fkey FOREIGN KEY (group_id) REFERENCES training_job_groups,
  DROP CONSTRAINT IF EXISTS training_jobs_array_check,
  ADD CONSTRAINT training_jobs_array_check CHECK ((group_id IS NULL) = (array_index IS NULL));
CREATE UNIQUE INDEX IF NOT EXISTS idx_training_jobs_group ON training_jobs (group_id, array_index);
