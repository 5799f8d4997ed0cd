-- Inference services: their revisions and rollouts, keys, traffic, and the scaling of their replicas.

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

-- Inference services at gateways: keys of their own, and where they lie.
CREATE TABLE IF NOT EXISTS service_keys (
  id bigserial PRIMARY KEY,
  service_id varchar(64) NOT NULL REFERENCES inference_services ON DELETE CASCADE,
  -- The replica receives it.
  name varchar(128) NOT NULL CHECK (name <> ''),
  -- The key's first characters, to distinguish keys.
  prefix varchar(16) NOT NULL,
  -- Hex SHA-256; the key itself is nowhere.
  key_hash varchar(64) NOT NULL UNIQUE,
  customer_id bigint NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  -- Of each key: what it may request, all gateways together. Null: as much as comes.
  requests_per_minute int,
  max_in_flight int,
  -- Prompt and completion together, by the UTC day.
  tokens_per_day bigint,
  CONSTRAINT service_keys_revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
  CONSTRAINT service_keys_limits_check
    CHECK (requests_per_minute > 0 AND max_in_flight > 0 AND tokens_per_day > 0)
);
CREATE INDEX IF NOT EXISTS idx_service_keys_service ON service_keys (service_id);
CREATE INDEX IF NOT EXISTS idx_service_keys_customer ON service_keys (customer_id);
-- Two that open something have two names, since a replica receives nothing else.
CREATE UNIQUE INDEX IF NOT EXISTS idx_service_keys_name ON service_keys (service_id, name) WHERE revoked_at IS NULL;

-- Replicas that their services go without end once nobody waits for an answer of theirs. What gateways have open of each.
CREATE TABLE IF NOT EXISTS gateway_reports (
  gateway_id varchar(64) PRIMARY KEY REFERENCES gateways ON DELETE CASCADE,
  -- By this database's clock: whatever was committed before is followed there.
  routes_as_of timestamptz NOT NULL,
  reported_at timestamptz NOT NULL,
  -- By the services that it keeps: requests in flight, held and so far, and those open at replicas that left the route.
  services jsonb NOT NULL
);

-- Requests to inference services and their answers, minute by minute, as each gateway counted it.
CREATE TABLE IF NOT EXISTS service_traffic (
  service_id varchar(64) NOT NULL REFERENCES inference_services,
  -- In which these answers were over; of what is older than minutes are stored, the epoch.
  minute timestamptz NOT NULL,
  -- One life of a gateway's process. It writes its row over and over with all that it counted, so nothing counts twice.
  gateway varchar(64) NOT NULL,
  -- Of the replica that was given the request; 0: the gateway answered by itself.
  revision int NOT NULL CHECK (revision >= 0),
  -- As a replica receives it; empty: no key was presented, or none that opens it.
  key_name varchar(128) NOT NULL,
  requests bigint NOT NULL CHECK (requests >= 0),
  -- The client was gone before there was an answer.
  unanswered bigint NOT NULL CHECK (unanswered >= 0),
  status_1xx bigint NOT NULL CHECK (status_1xx >= 0),
  status_2xx bigint NOT NULL CHECK (status_2xx >= 0),
  status_3xx bigint NOT NULL CHECK (status_3xx >= 0),
  status_4xx bigint NOT NULL CHECK (status_4xx >= 0),
  status_5xx bigint NOT NULL CHECK (status_5xx >= 0),
  -- Answers that had begun and did not come to their end, whoever broke off.
  cut_off bigint NOT NULL CHECK (cut_off >= 0),
  -- Sent to the client, heads and all.
  bytes bigint NOT NULL CHECK (bytes >= 0),
  -- Histograms: how many were within each bound and the last beyond all, each counted once, and the sum of milliseconds.
  took_buckets bigint[] NOT NULL,
  took_ms numeric NOT NULL CHECK (took_ms >= 0),
  first_byte_buckets bigint[] NOT NULL,
  first_byte_ms numeric NOT NULL CHECK (first_byte_ms >= 0),
  queued_buckets bigint[] NOT NULL,
  queued_ms numeric NOT NULL CHECK (queued_ms >= 0),
  -- Answers that reported what they used, those of a kind that reports it and did not, and how long the former took.
  token_answers bigint NOT NULL CHECK (token_answers >= 0),
  token_silent bigint NOT NULL CHECK (token_silent >= 0),
  token_ms numeric NOT NULL CHECK (token_ms >= 0),
  prompt_tokens bigint NOT NULL CHECK (prompt_tokens >= 0),
  completion_tokens bigint NOT NULL CHECK (completion_tokens >= 0),
  PRIMARY KEY (service_id, minute, gateway, revision, key_name)
);
CREATE INDEX IF NOT EXISTS idx_service_traffic_minute ON service_traffic (minute);
-- Rows of single gateways, which are put together once they are some days old: among all others there are few of them.
CREATE INDEX IF NOT EXISTS idx_service_traffic_gateways ON service_traffic (minute) WHERE gateway <> 'all';

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

-- The last check of each, which every check begins with. A row is written every two seconds.
CREATE TABLE IF NOT EXISTS scaling_checks (
  service_id varchar(64) PRIMARY KEY REFERENCES inference_services ON DELETE CASCADE,
  checked_at timestamptz NOT NULL,
  -- As many replicas as are desired, or would be.
  desired_replicas int NOT NULL CHECK (desired_replicas >= 0),
  -- What was decided, and why.
  sentence text NOT NULL,
  -- The load of the last minute, and since when what is so.
  history jsonb,
  -- What replicas and gateways had counted.
  counts jsonb NOT NULL CHECK (jsonb_typeof(counts) = 'array')
);

ALTER TABLE inference_services
  -- Inference services that are ordered here: their revisions, what people request, and their replicas, which come and go.
  -- As many replicas as people requested; null: nobody has. `replicas` is made of it, of the status and the bounds.
  ADD COLUMN IF NOT EXISTS desired_replicas int,
  -- Replicas that failed in a row, and until when no other is made because of it.
  ADD COLUMN IF NOT EXISTS replica_failures int NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS replace_after timestamptz,
  DROP CONSTRAINT IF EXISTS inference_services_desired_replicas_check,
  ADD CONSTRAINT inference_services_desired_replicas_check CHECK (desired_replicas >= 0),
  DROP CONSTRAINT IF EXISTS inference_services_replica_failures_check,
  ADD CONSTRAINT inference_services_replica_failures_check CHECK (replica_failures >= 0),
  -- How a service goes from one revision to another: which serves, what rollouts there were, and replicas that failed in one.
  -- The revisions that version and previous_version name; null: of the old system, and before the first rollout.
  ADD COLUMN IF NOT EXISTS serving_revision int,
  ADD COLUMN IF NOT EXISTS previous_revision int,
  -- Services that scale by themselves: what is desired of them, and what is remembered of their load.
  -- What would be done is reported, and nothing is done.
  ADD COLUMN IF NOT EXISTS autoscaling_dry_run boolean NOT NULL DEFAULT false,
  -- As many replicas as its load was found to need; null: nothing has been found yet.
  ADD COLUMN IF NOT EXISTS load_replicas int,
  -- When a request woke it; null since it was last sent to sleep.
  ADD COLUMN IF NOT EXISTS woken_at timestamptz,
  DROP CONSTRAINT IF EXISTS inference_services_load_replicas_check,
  ADD CONSTRAINT inference_services_load_replicas_check CHECK (load_replicas >= 0),
  ADD COLUMN IF NOT EXISTS status_reason_code varchar(64),
  ADD COLUMN IF NOT EXISTS status_reason_params jsonb;

CREATE INDEX IF NOT EXISTS idx_inference_services_updated_at ON inference_services (updated_at);
