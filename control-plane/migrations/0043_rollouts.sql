-- How a service goes from one revision to another: which serves, what rollouts there were, and replicas that failed in one.

ALTER TABLE inference_services
  -- The revisions that version and previous_version name; null: of the old system, and before the first rollout.
  ADD COLUMN IF NOT EXISTS serving_revision int,
  ADD COLUMN IF NOT EXISTS previous_revision int;
UPDATE inference_services s SET serving_revision = (SELECT max(v.number) FROM service_revisions v WHERE v.service_id = s.id)
 WHERE s.serving_revision IS NULL AND EXISTS (SELECT FROM service_revisions v WHERE v.service_id = s.id);

CREATE TABLE IF NOT EXISTS service_rollouts (
  service_id varchar(64) NOT NULL REFERENCES inference_services,
  -- From 1.
  number int NOT NULL CHECK (number >= 1),
  from_revision int NOT NULL,
  target int NOT NULL,
  allows_gap boolean NOT NULL,
  -- As many replicas as had room when it came to one less of them.
  gap_from int CHECK (gap_from >= 0),
  -- Since there is one, it goes back.
  cause text,
  began_at timestamptz NOT NULL,
  actor text NOT NULL,
  ended_at timestamptz,
  outcome varchar(16) CHECK (outcome IN ('completed', 'reverted', 'superseded')),
  PRIMARY KEY (service_id, number),
  FOREIGN KEY (service_id, from_revision) REFERENCES service_revisions,
  FOREIGN KEY (service_id, target) REFERENCES service_revisions,
  CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX IF NOT EXISTS idx_service_rollouts_from ON service_rollouts (service_id, from_revision);
CREATE INDEX IF NOT EXISTS idx_service_rollouts_target ON service_rollouts (service_id, target);
CREATE UNIQUE INDEX IF NOT EXISTS idx_service_rollouts_open ON service_rollouts (service_id) WHERE ended_at IS NULL;

ALTER TABLE instances
  -- Of a replica that its service does without: whether it failed, and whether another one would do no better.
  ADD COLUMN IF NOT EXISTS failure varchar(8),
  -- Of one that waits: what it lacks, and why no place would help it.
  ADD COLUMN IF NOT EXISTS lacks text,
  ADD COLUMN IF NOT EXISTS given_up text,
  DROP CONSTRAINT IF EXISTS instances_failure_check,
  ADD CONSTRAINT instances_failure_check CHECK (failure IS NULL OR failure IN ('failed', 'hopeless') AND dismissed_at IS NOT NULL);
