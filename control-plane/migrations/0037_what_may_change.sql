-- What people change of a workload that is there: an environment's hours without access, and whether a training job that
-- the old system had waiting is wanted again.

-- Of its ports, from the next one on and of those that it has; null: the default of all.
ALTER TABLE environments ADD COLUMN IF NOT EXISTS auto_release_hours int;
ALTER TABLE environments DROP CONSTRAINT IF EXISTS environments_auto_release_hours_check;
ALTER TABLE environments ADD CONSTRAINT environments_auto_release_hours_check
  CHECK (auto_release_hours BETWEEN 1 AND 87600);

-- An order is wanted from its moment on. Rows of the old system get no default: null, until somebody confirms them.
ALTER TABLE training_jobs ADD COLUMN IF NOT EXISTS confirmed_at timestamptz;
ALTER TABLE training_jobs ALTER COLUMN confirmed_at SET DEFAULT now();
