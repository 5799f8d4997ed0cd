-- Ports that hosts are told to hold for services of environments, one row for each taking of a port. A row of
-- port_mappings appears only once the host has bound it. Whoever changes what is wanted raises hosts.generation.
CREATE TABLE IF NOT EXISTS lease_orders (
  -- By which the host knows it.
  id varchar(64) PRIMARY KEY,
  env_id varchar(64) NOT NULL REFERENCES environments,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  service_type varchar(32) NOT NULL CHECK (service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom')),
  internal_port int NOT NULL CHECK (internal_port BETWEEN 1 AND 65535),
  auto_release_hours int NOT NULL CHECK (auto_release_hours BETWEEN 1 AND 87600),
  want varchar(16) NOT NULL DEFAULT 'held' CHECK (want IN ('held', 'released')),
  -- The host's generation that tells the newest order.
  generation bigint NOT NULL CHECK (generation >= 0),
  ordered_by varchar(160) NOT NULL,
  ordered_at timestamptz NOT NULL DEFAULT now(),
  released_by varchar(160),
  release_reason text,
  -- What the host said of it last.
  state varchar(16) NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'held', 'conflict', 'exhausted', 'released')),
  external_port int CHECK (external_port BETWEEN 1 AND 65535),
  detail text NOT NULL DEFAULT '',
  last_accessed_at timestamptz,
  release_due_at timestamptz,
  state_changed_at timestamptz NOT NULL DEFAULT now(),
  -- The host has said that it is released, or is gone itself: it leaves the desired set.
  ended_at timestamptz,
  CONSTRAINT lease_orders_release_by_somebody CHECK (want = 'held' OR released_by IS NOT NULL),
  CONSTRAINT lease_orders_ended_when_released CHECK ((ended_at IS NOT NULL) = (state = 'released'))
);
CREATE INDEX IF NOT EXISTS idx_lease_orders_env ON lease_orders (env_id);
CREATE INDEX IF NOT EXISTS idx_lease_orders_host ON lease_orders (host_id);
CREATE INDEX IF NOT EXISTS idx_lease_orders_live ON lease_orders (host_id, ordered_at) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS lease_orders_one_wanted ON lease_orders (env_id, service_type, internal_port)
  WHERE want = 'held' AND ended_at IS NULL;
