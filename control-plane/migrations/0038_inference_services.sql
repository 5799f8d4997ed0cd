-- Inference services that are ordered here: their revisions, what people wish, and their replicas, which come and go.

ALTER TABLE inference_services
  -- As many replicas as people asked for; null: nobody has said. `replicas` is made of it, of the status and the bounds.
  ADD COLUMN IF NOT EXISTS wished_replicas int,
  -- Replicas that failed in a row, and until when no other is made because of it.
  ADD COLUMN IF NOT EXISTS replica_failures int NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS replace_after timestamptz,
  DROP CONSTRAINT IF EXISTS inference_services_wished_replicas_check,
  ADD CONSTRAINT inference_services_wished_replicas_check CHECK (wished_replicas >= 0),
  DROP CONSTRAINT IF EXISTS inference_services_replica_failures_check,
  ADD CONSTRAINT inference_services_replica_failures_check CHECK (replica_failures >= 0);

-- The table of that name was made before anything wrote to it, and its rows could not say enough.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM information_schema.columns
                  WHERE table_schema = current_schema() AND table_name = 'service_revisions' AND column_name = 'number')
  THEN DROP TABLE service_revisions;
  END IF;
END $$;
-- What a service's replicas are made of. A row never changes.
CREATE TABLE IF NOT EXISTS service_revisions (
  service_id varchar(64) NOT NULL REFERENCES inference_services,
  -- From 1.
  number int NOT NULL CHECK (number >= 1),
  version varchar(64),
  image varchar(256) NOT NULL,
  -- Null: the image's own.
  command text,
  env_vars jsonb CHECK (jsonb_typeof(env_vars) = 'object'),
  cpu int NOT NULL CHECK (cpu > 0),
  memory bigint NOT NULL CHECK (memory > 0),
  gpu int NOT NULL CHECK (gpu >= 0),
  gpu_memory bigint CHECK (gpu_memory >= 0),
  model_id bigint,
  model_version varchar(64),
  config jsonb CHECK (jsonb_typeof(config) = 'object'),
  created_at timestamptz NOT NULL,
  actor text NOT NULL,
  PRIMARY KEY (service_id, number)
);

ALTER TABLE instances
  -- Of a replica: of which revision it is. Null for other kinds.
  ADD COLUMN IF NOT EXISTS revision int,
  -- Of a replica: since when its service does without it, and why. It may hold its place for a while.
  ADD COLUMN IF NOT EXISTS dismissed_at timestamptz,
  ADD COLUMN IF NOT EXISTS dismissal text,
  DROP CONSTRAINT IF EXISTS instances_revision_check,
  ADD CONSTRAINT instances_revision_check CHECK (revision >= 1),
  DROP CONSTRAINT IF EXISTS instances_dismissal_check,
  ADD CONSTRAINT instances_dismissal_check CHECK ((dismissed_at IS NULL) = (dismissal IS NULL));
CREATE INDEX IF NOT EXISTS idx_instances_replicas ON instances (workload_id)
  WHERE workload_kind = 'inference' AND dismissed_at IS NULL;

ALTER TABLE placements
  -- Since when its host has a container of it.
  ADD COLUMN IF NOT EXISTS container_since timestamptz,
  -- Whether it answers its probe, as its host told it last, and since when that is so.
  ADD COLUMN IF NOT EXISTS serving varchar(8),
  ADD COLUMN IF NOT EXISTS serving_since timestamptz,
  DROP CONSTRAINT IF EXISTS placements_serving_check,
  ADD CONSTRAINT placements_serving_check CHECK (serving IN ('not-yet', 'yes', 'no'));
