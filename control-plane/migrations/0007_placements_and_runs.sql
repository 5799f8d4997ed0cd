-- What is ordered and waits, what is placed where, and the runs that come of it: how they began and ended.

-- What is ordered ----------------------------------------------------------------------------------------------------

-- How much GPU time this workspace is due beside the others that wait; set by administrators.
ALTER TABLE workspaces
  ADD COLUMN IF NOT EXISTS share_weight int NOT NULL DEFAULT 1,
  DROP CONSTRAINT IF EXISTS workspaces_share_weight_check,
  ADD CONSTRAINT workspaces_share_weight_check CHECK (share_weight BETWEEN 1 AND 1000);

ALTER TABLE environments
  -- When the start that waits, or waited last, was ordered. In events, too, but a pass cannot look for 100,000 of them.
  ADD COLUMN IF NOT EXISTS queued_at timestamptz,
  -- Hours without access after which its ports are released, from the next one on and of those that it has; null: the
  -- default of all.
  ADD COLUMN IF NOT EXISTS auto_release_hours int,
  DROP CONSTRAINT IF EXISTS environments_auto_release_hours_check,
  ADD CONSTRAINT environments_auto_release_hours_check CHECK (auto_release_hours BETWEEN 1 AND 87600);

ALTER TABLE training_jobs
  -- As of environments.
  ADD COLUMN IF NOT EXISTS queued_at timestamptz,
  -- Since when it is wanted: an order from its moment on. Rows of the old system get no default: null, until somebody
  -- confirms them.
  ADD COLUMN IF NOT EXISTS confirmed_at timestamptz,
  -- Since when it has places, which takes it out of the line; it is queued on until its ranks run. Null without places.
  ADD COLUMN IF NOT EXISTS placed_at timestamptz,
  ALTER COLUMN confirmed_at SET DEFAULT now();

CREATE TABLE IF NOT EXISTS service_revisions (
  service_id varchar(64) NOT NULL REFERENCES inference_services,
  version varchar(64) NOT NULL,
  spec jsonb NOT NULL CHECK (jsonb_typeof(spec) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (service_id, version)
);

-- A mount missing on a pool's host: that pool is skipped for this order until the time given.
CREATE TABLE IF NOT EXISTS placement_skips (
  workload_kind varchar(16) NOT NULL CHECK (workload_kind IN ('environment', 'training', 'inference')),
  workload_id varchar(64) NOT NULL,
  -- With workload_kind and workload_id the start: its ranks follow one another from here.
  first_rank int NOT NULL DEFAULT 0 CHECK (first_rank >= 0),
  storage_pool varchar(64) NOT NULL,
  reason text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (workload_kind, workload_id, first_rank, storage_pool)
);
-- Skips that have not passed.
CREATE INDEX IF NOT EXISTS idx_placement_skips_until ON placement_skips (until);

-- What is placed -----------------------------------------------------------------------------------------------------

-- One container of a workload: the environment itself, a rank, a replica. workload_id points into one of three tables.
CREATE TABLE IF NOT EXISTS instances (
  id varchar(64) PRIMARY KEY,
  workload_kind varchar(16) NOT NULL CHECK (workload_kind IN ('environment', 'training', 'inference')),
  workload_id varchar(64) NOT NULL,
  rank int NOT NULL DEFAULT 0 CHECK (rank >= 0),
  current_epoch int NOT NULL DEFAULT 0 CHECK (current_epoch >= 0),
  state varchar(16) NOT NULL CHECK (state IN ('placed', 'starting', 'ready', 'stopping', 'stopped', 'failed', 'lost')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- The highest epoch that any host has told of; a new placement is beyond it. Above current_epoch only after a restore.
  known_epoch int NOT NULL DEFAULT 0 CHECK (known_epoch >= 0),
  UNIQUE (workload_kind, workload_id, rank)
);
CREATE INDEX IF NOT EXISTS idx_instances_workload ON instances (workload_id);
CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON instances FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- The decision "this instance on that host". The desired set of a host is its placements with gone_at null; whoever
-- changes it raises hosts.generation in the same transaction. Resources are held until resources_released_at.
CREATE TABLE IF NOT EXISTS placements (
  instance_id varchar(64) NOT NULL REFERENCES instances,
  epoch int NOT NULL CHECK (epoch >= 1),
  host_id varchar(64) NOT NULL REFERENCES hosts,
  state varchar(16) NOT NULL DEFAULT 'placed'
    CHECK (state IN ('placed', 'starting', 'ready', 'stopping', 'stopped', 'failed', 'lost')),
  want varchar(16) NOT NULL DEFAULT 'running' CHECK (want IN ('running', 'stopped', 'removed')),
  ordered_by varchar(16) CHECK (ordered_by IN ('customer', 'admin', 'account', 'control-plane', 'limit')),
  run_id varchar(64),
  spec jsonb NOT NULL CHECK (jsonb_typeof(spec) = 'object'),
  spec_hash varchar(64) NOT NULL,
  live jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(live) = 'object'),
  cpu_milli int NOT NULL CHECK (cpu_milli >= 0),
  memory_bytes bigint NOT NULL CHECK (memory_bytes >= 0),
  temp_storage_bytes bigint CHECK (temp_storage_bytes >= 0),
  storage_bytes bigint CHECK (storage_bytes >= 0),
  detail text,
  problem varchar(64),
  container_id varchar(128),
  exit_code int,
  deadline_at timestamptz,
  state_changed_at timestamptz NOT NULL DEFAULT now(),
  resources_released_at timestamptz,
  gone_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- What it waits for, since when deadline_at is counted; null where it may stay as it is.
  waits_for varchar(16) CHECK (waits_for IN ('start', 'stop', 'removal')),
  -- When its host last told, to the minute, of a pull that it waits for; null where its image was there.
  waited_for_image_at timestamptz,
  -- Why a stop was ordered, where its orderer gave a reason; shown once it has stopped.
  stop_reason text,
  -- Who had ordered its end when its host told of it; null for one that ended by itself, or has not.
  ended_by varchar(16) CHECK (ended_by IN ('customer', 'admin', 'account', 'control-plane', 'limit')),
  PRIMARY KEY (instance_id, epoch),
  -- Every stop and removal carries who ordered it.
  CONSTRAINT placements_ordered_by_needed CHECK (want = 'running' OR ordered_by IS NOT NULL),
  CONSTRAINT placements_gone_after_release CHECK (gone_at IS NULL OR resources_released_at IS NOT NULL)
);
-- A double placement is impossible even with a wrong scheduler.
CREATE UNIQUE INDEX IF NOT EXISTS placements_one_live_per_instance ON placements (instance_id) WHERE resources_released_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_placements_host ON placements (host_id);
CREATE INDEX IF NOT EXISTS idx_placements_host_desired ON placements (host_id) WHERE gone_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_placements_run ON placements (run_id);
-- What was placed lately.
CREATE INDEX IF NOT EXISTS idx_placements_created_at ON placements (created_at);
CREATE INDEX IF NOT EXISTS idx_placements_waited_for_image
  ON placements (waited_for_image_at) WHERE waited_for_image_at IS NOT NULL;

-- Who holds which card. A live row has mode set, equal to the card's sharing_mode, and the foreign key forbids mixing:
-- gpus.sharing_mode cannot change while a live row says otherwise. Releasing sets mode null and released_at.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'gpus_uuid_sharing_mode_key' AND conrelid = 'gpus'::regclass) THEN
    ALTER TABLE gpus ADD CONSTRAINT gpus_uuid_sharing_mode_key UNIQUE (uuid, sharing_mode);
  END IF;
END $$;
CREATE TABLE IF NOT EXISTS gpu_allocations (
  id bigserial PRIMARY KEY,
  gpu_uuid varchar(128) NOT NULL REFERENCES gpus (uuid),
  mode varchar(16) CHECK (mode IN ('exclusive', 'shared')),
  slot int NOT NULL DEFAULT 0 CHECK (slot >= 0),
  memory_mib int CHECK (memory_mib > 0),
  share_thousandths int CHECK (share_thousandths BETWEEN 1 AND 1000),
  instance_id varchar(64) NOT NULL,
  epoch int NOT NULL,
  allocated_at timestamptz NOT NULL DEFAULT now(),
  released_at timestamptz,
  CONSTRAINT gpu_allocations_mode_fkey FOREIGN KEY (gpu_uuid, mode) REFERENCES gpus (uuid, sharing_mode),
  CONSTRAINT gpu_allocations_placement_fkey FOREIGN KEY (instance_id, epoch) REFERENCES placements (instance_id, epoch),
  CONSTRAINT gpu_allocations_live_has_mode CHECK ((mode IS NULL) = (released_at IS NOT NULL)),
  CONSTRAINT gpu_allocations_slice_has_memory CHECK (mode <> 'shared' OR memory_mib IS NOT NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS gpu_allocations_one_exclusive ON gpu_allocations (gpu_uuid) WHERE mode = 'exclusive';
CREATE UNIQUE INDEX IF NOT EXISTS gpu_allocations_one_per_slot ON gpu_allocations (gpu_uuid, slot) WHERE mode = 'shared';
CREATE INDEX IF NOT EXISTS idx_gpu_allocations_gpu ON gpu_allocations (gpu_uuid, mode);
CREATE INDEX IF NOT EXISTS idx_gpu_allocations_placement ON gpu_allocations (instance_id, epoch);
-- Cards that were given back lately: who had GPU time.
CREATE INDEX IF NOT EXISTS idx_gpu_allocations_released_at ON gpu_allocations (released_at);

-- Runs ---------------------------------------------------------------------------------------------------------------

-- One ordered start of one placement: what is rounded and charged. payer = customer_id, frozen here.
-- Its row is updated each minute that it runs. With room for the next version on its own page an update touches no
-- index; without it, it adds an entry to each of them.
CREATE TABLE IF NOT EXISTS runs (
  id varchar(64) PRIMARY KEY,
  instance_id varchar(64) NOT NULL,
  epoch int NOT NULL,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  customer_id bigint NOT NULL REFERENCES customers,
  ordered_by bigint REFERENCES customers,
  workspace_id bigint REFERENCES workspaces,
  resource_type varchar(32) NOT NULL CHECK (resource_type IN ('environment', 'training', 'inference')),
  resource_id varchar(64) NOT NULL,
  resource_name varchar(256),
  spec varchar(64) NOT NULL,
  gpu_model varchar(128),
  ordered_at timestamptz NOT NULL DEFAULT now(),
  first_proven_at timestamptz,
  last_proven_at timestamptz,
  waive_from timestamptz,
  waive_reason text,
  -- The final row is decided.
  closed_at timestamptz,
  proven_ms bigint NOT NULL DEFAULT 0 CHECK (proven_ms >= 0),
  waived_ms bigint NOT NULL DEFAULT 0 CHECK (waived_ms >= 0),
  billed_minutes int NOT NULL DEFAULT 0 CHECK (billed_minutes >= 0),
  posted_amount numeric(20,4) NOT NULL DEFAULT 0,
  -- Proven time came in since the last charge.
  uncharged boolean NOT NULL DEFAULT false,
  -- Null until it is told.
  was_ready boolean,
  CONSTRAINT runs_waived_within_proven CHECK (waived_ms <= proven_ms)
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS idx_runs_placement ON runs (instance_id, epoch);
CREATE INDEX IF NOT EXISTS idx_runs_host ON runs (host_id);
CREATE INDEX IF NOT EXISTS idx_runs_customer ON runs (customer_id);
CREATE INDEX IF NOT EXISTS idx_runs_ordered_by ON runs (ordered_by);
CREATE INDEX IF NOT EXISTS idx_runs_workspace ON runs (workspace_id);
CREATE INDEX IF NOT EXISTS idx_runs_resource ON runs (resource_id);
CREATE INDEX IF NOT EXISTS idx_runs_open ON runs (customer_id) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_runs_uncharged ON runs (id) WHERE uncharged;
CREATE INDEX IF NOT EXISTS idx_runs_readiness_unknown ON runs (id) WHERE was_ready IS NULL;
-- Runs with time that is metered and not charged, for who looks after the books.
CREATE INDEX IF NOT EXISTS idx_runs_waived ON runs (id) WHERE waived_ms > 0;

-- A placement names its run and a run its placement; both are made in one transaction, in either order.
ALTER TABLE placements
  DROP CONSTRAINT IF EXISTS placements_run_id_fkey,
  ADD CONSTRAINT placements_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE runs
  DROP CONSTRAINT IF EXISTS runs_placement_fkey,
  ADD CONSTRAINT runs_placement_fkey FOREIGN KEY (instance_id, epoch) REFERENCES placements (instance_id, epoch)
    DEFERRABLE INITIALLY DEFERRED;

-- How runs ended, as their hosts told it: one row for each ended run whose host tells so.
CREATE TABLE IF NOT EXISTS run_ends (
  run_id varchar(64) PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  told_at timestamptz NOT NULL DEFAULT now(),
  phase varchar(16) NOT NULL CHECK (phase IN ('stopped', 'failed')),
  problem varchar(64),
  -- A sentence.
  detail text,
  exit_code int,
  out_of_memory boolean NOT NULL DEFAULT false,
  -- "SIGKILL" and the like, where the exit code speaks of one.
  signal varchar(16),
  -- The last lines that it wrote; null where they could not be read. All of it is on the host, for days.
  tail text CHECK (octet_length(tail) <= 8192)
);

-- The restarts within each run that its host has told of, and how the container ended before the last one.
CREATE TABLE IF NOT EXISTS run_restarts (
  run_id varchar(64) PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  told_at timestamptz NOT NULL,
  count int NOT NULL CHECK (count > 0),
  -- Null where the container was gone.
  exit_code int,
  out_of_memory boolean NOT NULL,
  signal varchar(16),
  -- How many restarts there had been when it last was calm, and since when they come in a row: a loop is told once.
  calm_count int NOT NULL DEFAULT 0,
  looping_since timestamptz
);
CREATE INDEX IF NOT EXISTS idx_run_restarts_looping ON run_restarts (run_id) WHERE looping_since IS NOT NULL;
