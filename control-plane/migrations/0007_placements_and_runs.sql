-- What is ordered and waits, what is placed where, and the runs that come of it: how they began and ended.

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
  -- The highest epoch that any host has reported; a new placement is beyond it. Above current_epoch only after a restore.
  known_epoch int NOT NULL DEFAULT 0 CHECK (known_epoch >= 0),
  -- Of a replica: of which revision it is. Null for other kinds.
  revision int,
  -- Of a replica: since when its service does without it, and why. It may hold its place for a while.
  dismissed_at timestamptz,
  dismissal text,
  -- Of a replica: since when no gateway is to give it a request any more, and why; it still ends those that it has.
  draining_since timestamptz,
  draining_why text,
  -- By this database's clock, after that was committed: a gateway that follows a later moment gives it none.
  drain_announced_at timestamptz,
  -- Of a replica that its service does without: whether it failed, and whether another one would do no better.
  failure varchar(8),
  -- Of one that waits: what it lacks, and why no place would help it.
  lacks text,
  given_up text,
  UNIQUE (workload_kind, workload_id, rank),
  CONSTRAINT instances_revision_check CHECK (revision >= 1),
  CONSTRAINT instances_dismissal_check CHECK ((dismissed_at IS NULL) = (dismissal IS NULL)),
  CONSTRAINT instances_draining_check CHECK ((draining_since IS NULL) = (draining_why IS NULL)
    AND (drain_announced_at IS NULL OR draining_since IS NOT NULL)),
  CONSTRAINT instances_failure_check CHECK (failure IS NULL OR failure IN ('failed', 'hopeless') AND dismissed_at IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS idx_instances_workload ON instances (workload_id);
CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON instances FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE INDEX IF NOT EXISTS idx_instances_replicas ON instances (workload_id)
  WHERE workload_kind = 'inference' AND dismissed_at IS NULL;

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
  -- When its host last reported, to the minute, a pull that it waits for; null where its image was there.
  waited_for_image_at timestamptz,
  -- Why a stop was ordered, where its actor gave a reason; presented once it has stopped.
  stop_reason text,
  -- Who had ordered its end when its host reported it; null for one that ended by itself, or has not.
  ended_by varchar(16) CHECK (ended_by IN ('customer', 'admin', 'account', 'control-plane', 'limit')),
  -- What hosts report by protocol 2 of what runs there: which image a container was made of, what that image brings, and what
  -- it has used.
  image_id varchar(80),
  -- By words; null where its host could not check.
  image_brings text[],
  -- Whether the services that a gateway carries answer in the container, as its host reports it: an object with the service's
  -- name, which has isSeen and a sentence. Null while it was not reported, and of agents that do not report it.
  services jsonb CHECK (jsonb_typeof(services) = 'object'),
  -- Gangs: training jobs of several ranks, on a network of their own, held until their preflight has passed.
  -- The gang's network, one of 10.224.0.0/12: in use while any placement with its number holds something.
  gang_network int,
  -- Since when its container is up and held, and what its host found meanwhile; null where it is not.
  held_at timestamptz,
  findings jsonb,
  -- Since when all ranks may begin.
  released_at timestamptz,
  -- Addresses of ranks from which it hears nothing, as its host reports it.
  cut_off text[],
  -- The gang was given up because of this rank, of which nothing good is known since then.
  lost_since timestamptz,
  -- Jobs that do nothing any more, and containers that somebody holds still: as their hosts report it.
  -- Since when it is reported to do nothing, and what its processes wait for; null where it does something, or nobody reports.
  idle_since timestamptz,
  idle_processes jsonb,
  -- Since when all of it is stopped from outside.
  frozen_since timestamptz,
  -- That its whole job does nothing was reported to its people, or has ended it.
  stall varchar(8),
  -- Since when its host has a container of it.
  container_since timestamptz,
  -- Whether it answers its probe, as its host reported it last, and since when that is so.
  serving varchar(8),
  serving_since timestamptz,
  -- Connections to it that its host's access process has open, as reported last of a replica that drains; null: not reported.
  open_streams int,
  -- What a customer's own program used is charged: the grace that a workload's order chose, apart from the one that its
  -- container has, and the free loading of replicas, which is an allowance of whoever pays.
  chosen_grace_seconds int,
  -- Whether the customer's part of spec's variables is sealed. Rows of before, and those of a server of an earlier version
  -- beside this one, are not, until the server has sealed them.
  env_is_sealed boolean NOT NULL DEFAULT false,
  -- Whether a start was the turn of what waited longest of its payer, and of its workspace, or came before that, beside what was
  -- reserved for others: then it takes nothing of its waiting. Without a word, as of placements of before, it was a turn.
  is_payers_turn boolean,
  is_workspaces_turn boolean,
  PRIMARY KEY (instance_id, epoch),
  -- Every stop and removal carries who ordered it.
  CONSTRAINT placements_ordered_by_needed CHECK (want = 'running' OR ordered_by IS NOT NULL),
  CONSTRAINT placements_gone_after_release CHECK (gone_at IS NULL OR resources_released_at IS NOT NULL),
  CONSTRAINT placements_gang_network_check CHECK (gang_network BETWEEN 0 AND 4095),
  CONSTRAINT placements_stall_check CHECK (stall IN ('reported', 'ended')),
  CONSTRAINT placements_serving_check CHECK (serving IN ('not-yet', 'yes', 'no')),
  CONSTRAINT placements_open_streams_check CHECK (open_streams >= 0),
  CONSTRAINT placements_chosen_grace_seconds_check CHECK (chosen_grace_seconds BETWEEN 1 AND 600)
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
CREATE INDEX IF NOT EXISTS idx_placements_gang_network ON placements (gang_network)
  WHERE gang_network IS NOT NULL AND resources_released_at IS NULL;
-- What was given back lately, for the hour that has just ended.
CREATE INDEX IF NOT EXISTS idx_placements_resources_released ON placements (resources_released_at)
  WHERE resources_released_at IS NOT NULL;

-- Who holds which card. A live row has mode set, equal to the card's sharing_mode, and the foreign key forbids mixing:
-- gpus.sharing_mode cannot change while a live row has another. Releasing sets mode null and released_at.
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
  -- Null until it is reported.
  was_ready boolean,
  -- A replica whose loading is not over, as far as its host's journal has reported: its time may still be free by the payer's
  -- allowance. Null of any other run, and of those whose metering opens when they serve.
  is_loading boolean,
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
-- Runs with time that is metered and not charged, for who operates the ledger.
CREATE INDEX IF NOT EXISTS idx_runs_waived ON runs (id) WHERE waived_ms > 0;
CREATE INDEX IF NOT EXISTS idx_runs_loading ON runs (id) WHERE is_loading;
-- Runs of a workload that have, or may have since their last charge, time that is metered and not charged: a list of
-- workloads names the rules, and reads none of the others.
CREATE INDEX IF NOT EXISTS idx_runs_waived_of_workload ON runs (resource_id) WHERE waived_ms > 0 OR uncharged;

-- How runs ended, as their hosts reported it: one row for each ended run whose host reports it.
CREATE TABLE IF NOT EXISTS run_ends (
  run_id varchar(64) PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  reported_at timestamptz NOT NULL DEFAULT now(),
  phase varchar(16) NOT NULL CHECK (phase IN ('stopped', 'failed')),
  problem varchar(64),
  -- A sentence.
  detail text,
  exit_code int,
  out_of_memory boolean NOT NULL DEFAULT false,
  -- "SIGKILL" and the like, where the exit code speaks of one.
  signal varchar(16),
  -- The last lines that it wrote; null where they could not be read. All of it is on the host, for days.
  tail text CHECK (octet_length(tail) <= 8192),
  -- Whether an ended run left a file in its output that no earlier attempt had: the tries of its job are counted anew then.
  new_output boolean NOT NULL DEFAULT false
);

-- The restarts within each run that its host has reported, and how the container ended before the last one.
CREATE TABLE IF NOT EXISTS run_restarts (
  run_id varchar(64) PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  reported_at timestamptz NOT NULL,
  count int NOT NULL CHECK (count > 0),
  -- Null where the container was gone.
  exit_code int,
  out_of_memory boolean NOT NULL,
  signal varchar(16),
  -- How many restarts there had been when it last was calm, and since when they come in a row: a loop is reported once.
  calm_count int NOT NULL DEFAULT 0,
  looping_since timestamptz
);
CREATE INDEX IF NOT EXISTS idx_run_restarts_looping ON run_restarts (run_id) WHERE looping_since IS NOT NULL;

-- The latest of each instance. They come with heartbeats and change about once a minute: a key and no other index, with
-- room for the next version of a row on its own page.
CREATE TABLE IF NOT EXISTS instance_figures (
  instance_id varchar(64) PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE,
  run_id varchar(64) NOT NULL,
  -- Null where its host cannot measure it.
  cpu_ms bigint CHECK (cpu_ms >= 0),
  network_in_bytes bigint CHECK (network_in_bytes >= 0),
  network_out_bytes bigint CHECK (network_out_bytes >= 0),
  -- Null where it never wrote a line.
  last_output_at timestamptz,
  reported_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- An attempt failed there of what it stood on: that host is skipped for this start until the time given.
CREATE TABLE IF NOT EXISTS placement_host_skips (
  workload_kind varchar(16) NOT NULL CHECK (workload_kind IN ('environment', 'training', 'inference')),
  workload_id varchar(64) NOT NULL,
  -- As of placement_skips.
  first_rank int NOT NULL DEFAULT 0 CHECK (first_rank >= 0),
  host_id varchar(64) NOT NULL REFERENCES hosts,
  reason text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (workload_kind, workload_id, first_rank, host_id)
);
CREATE INDEX IF NOT EXISTS idx_placement_host_skips_until ON placement_host_skips (until);
CREATE INDEX IF NOT EXISTS idx_placement_host_skips_host ON placement_host_skips (host_id);

-- Two hosts whose ranks did not reach each other: no gang is placed on both of them until the time given.
CREATE TABLE IF NOT EXISTS gang_pair_skips (
  host_id varchar(64) NOT NULL REFERENCES hosts,
  other_host_id varchar(64) NOT NULL REFERENCES hosts,
  reason text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (host_id, other_host_id),
  CONSTRAINT gang_pair_skips_in_order CHECK (host_id < other_host_id)
);
CREATE INDEX IF NOT EXISTS idx_gang_pair_skips_other ON gang_pair_skips (other_host_id);
CREATE INDEX IF NOT EXISTS idx_gang_pair_skips_until ON gang_pair_skips (until);

-- Runs of gangs that were released and then broke: what one of them stood on failed, so from then on all are free.
CREATE TABLE IF NOT EXISTS gang_breaks (
  run_id varchar(64) NOT NULL REFERENCES runs,
  -- The run of the rank that broke, which may be this one.
  broken_by varchar(64) NOT NULL REFERENCES runs,
  since timestamptz NOT NULL,
  -- For people.
  sentence text NOT NULL,
  noticed_at timestamptz NOT NULL,
  -- The broken rank ended on a card that had failed or showed a sign of failure: its proven time ends where the card was good.
  has_card_fault boolean NOT NULL DEFAULT false,
  PRIMARY KEY (run_id, broken_by)
);
CREATE INDEX IF NOT EXISTS idx_gang_breaks_broken_by ON gang_breaks (broken_by);
CREATE INDEX IF NOT EXISTS idx_gang_breaks_noticed_at ON gang_breaks (noticed_at);

-- What somebody's placements held in an hour that is over: amounts (thousandths of a core, MiB, thousandths of a GPU) times
-- seconds. Follows from placements and runs, and is counted anew from them at any time. Without foreign keys, as runs name
-- whoever they named at their start.
CREATE TABLE IF NOT EXISTS held_hours (
  hour timestamptz NOT NULL,
  customer_id bigint NOT NULL,
  -- 0 outside of every workspace.
  workspace_id bigint NOT NULL DEFAULT 0,
  cpu_seconds bigint NOT NULL,
  memory_seconds bigint NOT NULL,
  gpu_seconds bigint NOT NULL,
  -- The last placement that began in it.
  last_start_at timestamptz,
  -- Of each hour the last start of either kind, '-infinity' where it had starts and none was one. Without a word, as a server
  -- of before writes it, its last start was both.
  payers_turn_at timestamptz,
  workspaces_turn_at timestamptz,
  PRIMARY KEY (hour, customer_id, workspace_id)
);

CREATE TABLE IF NOT EXISTS queue_state (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  -- The hours before it are counted.
  counted_through timestamptz,
  head_kind varchar(16),
  head_id varchar(64),
  head_first_rank integer,
  -- When the start was ordered whose place is reserved, in milliseconds since 1970.
  head_ordered_at_ms bigint
);

-- What an administrator put before all others that wait, until that is taken back.
CREATE TABLE IF NOT EXISTS urgent_workloads (
  workload_kind varchar(16) NOT NULL CHECK (workload_kind IN ('environment', 'training', 'inference')),
  workload_id varchar(64) NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workload_kind, workload_id)
);

-- Errors that programs of a run made on GPUs, as its host reported them. Each is a record of the host's kernel log, which the
-- boot and its number name.
CREATE TABLE IF NOT EXISTS run_gpu_faults (
  run_id varchar(64) NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  boot_id uuid NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 0),
  reported_at timestamptz NOT NULL,
  code varchar(48) NOT NULL,
  -- A sentence.
  reason text NOT NULL,
  PRIMARY KEY (run_id, boot_id, seq)
);

-- GPUs that their hosts closed under runs within a day: many under the runs of one payer may be what a program does to them.
-- Older rows are removed with the next closure.
CREATE TABLE IF NOT EXISTS gpu_closures (
  run_id varchar(64) NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  gpu_uuid varchar(128) NOT NULL,
  -- The run's payer, workload and host.
  customer_id bigint NOT NULL,
  workload_id varchar(64) NOT NULL,
  host_id varchar(64) NOT NULL,
  -- The stable name of the reason; null where the host reported none.
  code varchar(48),
  closed_at timestamptz NOT NULL,
  PRIMARY KEY (run_id, gpu_uuid)
);
CREATE INDEX IF NOT EXISTS idx_gpu_closures_customer ON gpu_closures (customer_id, closed_at);
CREATE INDEX IF NOT EXISTS idx_gpu_closures_workload ON gpu_closures (workload_id, closed_at);

-- A placement names its run and a run its placement; both are made in one transaction, in either order.
ALTER TABLE placements
  DROP CONSTRAINT IF EXISTS placements_run_id_fkey,
  ADD CONSTRAINT placements_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE runs
  DROP CONSTRAINT IF EXISTS runs_placement_fkey,
  ADD CONSTRAINT runs_placement_fkey FOREIGN KEY (instance_id, epoch) REFERENCES placements (instance_id, epoch)
    DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE environments
  -- When the start that waits, or waited last, was ordered. In events, too, but a pass cannot read 100,000 of them.
  ADD COLUMN IF NOT EXISTS queued_at timestamptz,
  -- Hours without access after which its ports are released, from the next one on and of those that it has; null: the
  -- default of all.
  ADD COLUMN IF NOT EXISTS auto_release_hours int,
  DROP CONSTRAINT IF EXISTS environments_auto_release_hours_check,
  ADD CONSTRAINT environments_auto_release_hours_check CHECK (auto_release_hours BETWEEN 1 AND 87600),
  -- Reasons of statuses as data: a code and its parameters beside the text, which stays as it is. Both are null where the
  -- reason came as a text.
  ADD COLUMN IF NOT EXISTS status_reason_code varchar(64),
  ADD COLUMN IF NOT EXISTS status_reason_params jsonb;

-- Streams poll each second for workloads that were written in the last ones, however many there are.
CREATE INDEX IF NOT EXISTS idx_environments_updated_at ON environments (updated_at);
