-- Images on their way to hosts: what hosts tell of their pulls, and which orders wait for an image without holding
-- anything on the host that fetches it.

-- As the host's last report that told them.
CREATE TABLE IF NOT EXISTS host_pulls (
  host_id varchar(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  image varchar(256) NOT NULL,
  -- Null for a pull that only orders placed there want.
  fetch_id varchar(63),
  state varchar(16) NOT NULL CHECK (state IN ('waiting', 'pulling', 'present', 'failed')),
  -- The four are null before the first word of the registry.
  layers_done bigint,
  layers bigint,
  bytes_done bigint,
  bytes bigint,
  problem varchar(32),
  -- For operators alone.
  operator_detail varchar(1000),
  -- When the row last changed.
  told_at timestamptz NOT NULL,
  CONSTRAINT host_pulls_once UNIQUE NULLS NOT DISTINCT (host_id, image, fetch_id)
);

CREATE TABLE IF NOT EXISTS image_fetches (
  id varchar(63) PRIMARY KEY,
  workload_kind varchar(16) NOT NULL CHECK (workload_kind IN ('environment', 'training', 'inference')),
  workload_id varchar(64) NOT NULL,
  host_id varchar(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  image varchar(256) NOT NULL,
  since timestamptz NOT NULL,
  ended_at timestamptz,
  outcome varchar(16) CHECK (outcome IN ('present', 'failed', 'not-wanted', 'host-away')),
  problem varchar(32),
  CONSTRAINT image_fetches_end_check CHECK ((ended_at IS NULL) = (outcome IS NULL)),
  CONSTRAINT image_fetches_problem_check CHECK ((problem IS NULL) = (outcome IS DISTINCT FROM 'failed'))
);
CREATE UNIQUE INDEX IF NOT EXISTS image_fetches_one_open ON image_fetches (workload_kind, workload_id) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_image_fetches_host ON image_fetches (host_id);
