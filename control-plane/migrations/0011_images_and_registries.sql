-- Images of hosts: which are there, with what they are fetched, what hosts report of their pulls, and which
-- orders wait for an image without holding anything on the host that fetches it.

-- Names and ids of images. Apart from hosts, whose rows every heartbeat writes anew, with all that stands in them.
CREATE TABLE IF NOT EXISTS host_images (
  host_id varchar(64) PRIMARY KEY REFERENCES hosts ON DELETE CASCADE,
  images varchar(256)[] NOT NULL CHECK (cardinality(images) <= 200)
);

-- A workspace's, for its orders, or a customer's own, for what this customer orders. One for each registry: another one
-- takes its place under an id of its own, by which hosts distinguish what was fetched with which.
CREATE TABLE IF NOT EXISTS registry_credentials (
  id varchar(64) PRIMARY KEY,
  -- Whose it is, or who gave it to the workspace.
  customer_id bigint NOT NULL REFERENCES customers,
  workspace_id bigint REFERENCES workspaces,
  registry varchar(260) NOT NULL,
  username varchar(256) NOT NULL,
  -- The password under a key that follows from the fleet's identity; which key, so that another fleet's is known as such.
  sealed_password bytea NOT NULL,
  sealed_by varchar(64) NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS registry_credentials_of_customer
  ON registry_credentials (customer_id, registry) WHERE workspace_id IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS registry_credentials_of_workspace
  ON registry_credentials (workspace_id, registry);
CREATE INDEX IF NOT EXISTS idx_registry_credentials_customer ON registry_credentials (customer_id);

-- As the host's last report that had them.
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
  reported_at timestamptz NOT NULL,
  -- The orders placed there that want just this pull; null: its host does not report it, so it is the image's for all of them.
  instance_ids text[]
);
-- One image may be pulled twice, with different credentials. An order waits for one pull, so its first one names it.
CREATE UNIQUE INDEX IF NOT EXISTS host_pulls_each
  ON host_pulls (host_id, image, fetch_id, (CASE WHEN fetch_id IS NULL THEN instance_ids[1] END)) NULLS NOT DISTINCT;

CREATE TABLE IF NOT EXISTS image_fetches (
  id varchar(63) PRIMARY KEY,
  workload_kind varchar(16) NOT NULL CHECK (workload_kind IN ('environment', 'training', 'inference')),
  workload_id varchar(64) NOT NULL,
  -- Of the start that waits for it.
  first_rank int NOT NULL DEFAULT 0 CHECK (first_rank >= 0),
  host_id varchar(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  image varchar(256) NOT NULL,
  since timestamptz NOT NULL,
  ended_at timestamptz,
  outcome varchar(16) CHECK (outcome IN ('present', 'failed', 'not-wanted', 'not-allowed', 'not-begun', 'host-away')),
  problem varchar(32),
  -- What was pulled before the last pause, and since when it is pulled again.
  pulled_ms bigint NOT NULL DEFAULT 0,
  pulling_since timestamptz,
  -- Who pays for its order; a fetch of which that is not known counts for itself.
  payer_id bigint,
  CONSTRAINT image_fetches_end_check CHECK ((ended_at IS NULL) = (outcome IS NULL)),
  CONSTRAINT image_fetches_problem_check CHECK ((problem IS NULL) = (outcome IS DISTINCT FROM 'failed'))
);
CREATE UNIQUE INDEX IF NOT EXISTS image_fetches_one_open ON image_fetches (workload_kind, workload_id, first_rank) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_image_fetches_host ON image_fetches (host_id);
