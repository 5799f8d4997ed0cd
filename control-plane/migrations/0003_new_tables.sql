-- The tables of the new system. In this order: the control plane itself, hosts and their journals, what is placed
-- where, usage and money, access and bookkeeping. Ids that come from a host's message (usage_rows.run_id and the like)
-- carry no foreign key on purpose: a wrong claim is kept and judged, never refused by the database.

-- The control plane -------------------------------------------------------------------------------------------------

-- One row. db_incarnation rises when a restored database shows itself.
CREATE TABLE IF NOT EXISTS cluster_state (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  db_incarnation bigint NOT NULL DEFAULT 1 CHECK (db_incarnation >= 1)
);
INSERT INTO cluster_state DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS settings (
  key varchar(64) PRIMARY KEY,
  value text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- One row: who may write as the leader. Every leader transaction compares the term.
CREATE TABLE IF NOT EXISTS leader (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  holder text,
  term bigint NOT NULL DEFAULT 0 CHECK (term >= 0),
  lease_until timestamptz NOT NULL DEFAULT 'epoch'
);
INSERT INTO leader DEFAULT VALUES ON CONFLICT DO NOTHING;

-- Hosts -------------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS host_credentials (
  nkey varchar(56) PRIMARY KEY,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  jwt_expires_at timestamptz,
  issued_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);
CREATE INDEX IF NOT EXISTS idx_host_credentials_host ON host_credentials (host_id);

-- The UTC time at which a boot's monotonic clock was zero, from the heartbeat with the shortest round trip. Once
-- fixed_at is set it never moves again.
CREATE TABLE IF NOT EXISTS host_boots (
  host_id varchar(64) NOT NULL REFERENCES hosts,
  boot_id uuid NOT NULL,
  utc_at_zero timestamptz NOT NULL,
  round_trip_ms int CHECK (round_trip_ms >= 0),
  fixed_at timestamptz,
  PRIMARY KEY (host_id, boot_id)
);

-- watermark counts rows decided, not accepted.
CREATE TABLE IF NOT EXISTS host_journals (
  host_id varchar(64) NOT NULL REFERENCES hosts,
  journal_id uuid NOT NULL,
  watermark bigint NOT NULL DEFAULT 0 CHECK (watermark >= 0),
  watermark_hash varchar(64),
  head_seq bigint CHECK (head_seq >= 0),
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_batch_at timestamptz,
  PRIMARY KEY (host_id, journal_id)
);

CREATE TABLE IF NOT EXISTS join_tokens (
  id bigserial PRIMARY KEY,
  token_hash varchar(64) NOT NULL UNIQUE,
  host_name varchar(128),
  created_by bigint REFERENCES customers,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  used_by_nkey varchar(56),
  host_id varchar(64) REFERENCES hosts,
  revoked_at timestamptz
);
CREATE INDEX IF NOT EXISTS idx_join_tokens_created_by ON join_tokens (created_by);
CREATE INDEX IF NOT EXISTS idx_join_tokens_host ON join_tokens (host_id);

-- What an operator should look at: a second use of a token, quarantined usage, a card seen on two hosts.
CREATE TABLE IF NOT EXISTS alarms (
  id bigserial PRIMARY KEY,
  kind varchar(64) NOT NULL,
  subject varchar(256) NOT NULL,
  detail text,
  raised_at timestamptz NOT NULL DEFAULT now(),
  cleared_at timestamptz
);
CREATE INDEX IF NOT EXISTS idx_alarms_open ON alarms (kind, subject) WHERE cleared_at IS NULL;

-- Placement ---------------------------------------------------------------------------------------------------------

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
  UNIQUE (workload_kind, workload_id, rank)
);
CREATE INDEX IF NOT EXISTS idx_instances_workload ON instances (workload_id);

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

-- One ordered start of one placement: what is rounded and charged. payer = customer_id, frozen here.
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
  CONSTRAINT runs_waived_within_proven CHECK (waived_ms <= proven_ms)
);
CREATE INDEX IF NOT EXISTS idx_runs_placement ON runs (instance_id, epoch);
CREATE INDEX IF NOT EXISTS idx_runs_host ON runs (host_id);
CREATE INDEX IF NOT EXISTS idx_runs_customer ON runs (customer_id);
CREATE INDEX IF NOT EXISTS idx_runs_ordered_by ON runs (ordered_by);
CREATE INDEX IF NOT EXISTS idx_runs_workspace ON runs (workspace_id);
CREATE INDEX IF NOT EXISTS idx_runs_resource ON runs (resource_id);
CREATE INDEX IF NOT EXISTS idx_runs_open ON runs (customer_id) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_runs_uncharged ON runs (id) WHERE uncharged;

-- A placement names its run and a run its placement; both are made in one transaction, in either order.
ALTER TABLE placements
  DROP CONSTRAINT IF EXISTS placements_run_id_fkey,
  ADD CONSTRAINT placements_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE runs
  DROP CONSTRAINT IF EXISTS runs_placement_fkey,
  ADD CONSTRAINT runs_placement_fkey FOREIGN KEY (instance_id, epoch) REFERENCES placements (instance_id, epoch)
    DEFERRABLE INITIALLY DEFERRED;

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

-- A mount missing on a pool's host: that pool is skipped for this order until the time given.
CREATE TABLE IF NOT EXISTS placement_skips (
  workload_kind varchar(16) NOT NULL CHECK (workload_kind IN ('environment', 'training', 'inference')),
  workload_id varchar(64) NOT NULL,
  storage_pool varchar(64) NOT NULL,
  reason text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (workload_kind, workload_id, storage_pool)
);

CREATE TABLE IF NOT EXISTS service_revisions (
  service_id varchar(64) NOT NULL REFERENCES inference_services,
  version varchar(64) NOT NULL,
  spec jsonb NOT NULL CHECK (jsonb_typeof(spec) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (service_id, version)
);

-- Usage -------------------------------------------------------------------------------------------------------------

-- Every row of every journal, once, with what was decided about it.
CREATE TABLE IF NOT EXISTS usage_rows (
  host_id varchar(64) NOT NULL,
  journal_id uuid NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  kind varchar(16) NOT NULL,
  run_id varchar(64),
  boot_id uuid,
  start_ms bigint,
  end_ms bigint,
  proof varchar(16),
  final boolean NOT NULL DEFAULT false,
  verdict varchar(16) NOT NULL CHECK (verdict IN ('accepted', 'quarantined', 'lost')),
  reason text,
  entry jsonb NOT NULL,
  hash varchar(64) NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (host_id, journal_id, seq),
  FOREIGN KEY (host_id, journal_id) REFERENCES host_journals (host_id, journal_id)
);
CREATE INDEX IF NOT EXISTS idx_usage_rows_run ON usage_rows (run_id);

-- The signed heads: proof of who claimed what.
CREATE TABLE IF NOT EXISTS usage_batches (
  host_id varchar(64) NOT NULL,
  journal_id uuid NOT NULL,
  last_seq bigint NOT NULL,
  last_hash varchar(64) NOT NULL,
  signature varchar(128) NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (host_id, journal_id, last_seq),
  FOREIGN KEY (host_id, journal_id) REFERENCES host_journals (host_id, journal_id)
);

CREATE TABLE IF NOT EXISTS quarantine (
  id bigserial PRIMARY KEY,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  journal_id uuid,
  seq bigint,
  run_id varchar(64),
  reason text NOT NULL,
  excess_ms bigint CHECK (excess_ms >= 0),
  entry jsonb,
  hash varchar(64),
  at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz
);
CREATE INDEX IF NOT EXISTS idx_quarantine_host ON quarantine (host_id, journal_id, seq);
CREATE INDEX IF NOT EXISTS idx_quarantine_run ON quarantine (run_id);

-- The union of a run's proven intervals, in milliseconds of the host's monotonic clock, per boot.
CREATE TABLE IF NOT EXISTS run_time (
  run_id varchar(64) NOT NULL REFERENCES runs,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  boot_id uuid NOT NULL,
  proven int8multirange NOT NULL DEFAULT '{}',
  PRIMARY KEY (run_id, host_id, boot_id)
);
CREATE INDEX IF NOT EXISTS idx_run_time_host ON run_time (host_id);

-- What a run is charged for. Price and unit are null until the run's first proven millisecond freezes them.
CREATE TABLE IF NOT EXISTS run_lines (
  run_id varchar(64) NOT NULL REFERENCES runs,
  line varchar(160) NOT NULL,
  quantity numeric NOT NULL CHECK (quantity >= 0),
  unit_price numeric(18,6) CHECK (unit_price >= 0),
  billing_unit varchar(20) CHECK (billing_unit IN ('minute', 'hour', 'day')),
  PRIMARY KEY (run_id, line),
  CONSTRAINT run_lines_frozen_together CHECK ((unit_price IS NULL) = (billing_unit IS NULL))
);

-- Money -------------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS specs (
  spec varchar(64) PRIMARY KEY,
  shape jsonb CHECK (jsonb_typeof(shape) = 'object'),
  description text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- A price holds from effective_from until a later entry of the same spec and line.
CREATE TABLE IF NOT EXISTS prices (
  id bigserial PRIMARY KEY,
  spec varchar(64) NOT NULL,
  line varchar(160) NOT NULL,
  unit_price numeric(18,6) NOT NULL CHECK (unit_price >= 0),
  billing_unit varchar(20) NOT NULL CHECK (billing_unit IN ('minute', 'hour', 'day')),
  effective_from timestamptz NOT NULL,
  created_by bigint REFERENCES customers,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (spec, line, effective_from)
);
CREATE INDEX IF NOT EXISTS idx_prices_created_by ON prices (created_by);

-- (source_kind, source_id) names what caused the posting, so that the same cause posts once.
CREATE TABLE IF NOT EXISTS ledger_transactions (
  id bigserial PRIMARY KEY,
  source_kind varchar(32) NOT NULL,
  source_id varchar(160) NOT NULL,
  customer_id bigint REFERENCES customers,
  -- The run that is charged or refunded.
  run_id varchar(64) REFERENCES runs,
  reason text,
  actor varchar(160),
  at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (source_kind, source_id)
);
CREATE INDEX IF NOT EXISTS idx_ledger_transactions_customer ON ledger_transactions (customer_id);
CREATE INDEX IF NOT EXISTS idx_ledger_transactions_run ON ledger_transactions (run_id);

-- A positive amount on the account 'customer' raises that customer's balance; the other side is negative.
CREATE TABLE IF NOT EXISTS ledger_entries (
  id bigserial PRIMARY KEY,
  transaction_id bigint NOT NULL REFERENCES ledger_transactions,
  account varchar(32) NOT NULL CHECK (account IN ('customer', 'cash', 'revenue', 'adjustment', 'writeoff')),
  customer_id bigint REFERENCES customers,
  amount numeric(20,4) NOT NULL,
  CONSTRAINT ledger_entries_customer_named CHECK (account <> 'customer' OR customer_id IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS idx_ledger_entries_transaction ON ledger_entries (transaction_id);
CREATE INDEX IF NOT EXISTS idx_ledger_entries_customer ON ledger_entries (customer_id);

ALTER TABLE billing_records
  DROP CONSTRAINT IF EXISTS billing_records_run_id_fkey,
  ADD CONSTRAINT billing_records_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs,
  DROP CONSTRAINT IF EXISTS billing_records_transaction_id_fkey,
  ADD CONSTRAINT billing_records_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES ledger_transactions;
CREATE INDEX IF NOT EXISTS idx_billing_records_run ON billing_records (run_id);
CREATE INDEX IF NOT EXISTS idx_billing_records_transaction ON billing_records (transaction_id);

-- One row per UTC hour that was charged, in order.
CREATE TABLE IF NOT EXISTS hour_ticks (
  hour timestamptz PRIMARY KEY CHECK (mod(EXTRACT(epoch FROM hour), 3600) = 0),
  term bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  runs_charged int,
  amount numeric(20,4)
);

CREATE OR REPLACE FUNCTION refuse_change_of_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused, a correction is a new entry', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_transactions
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON billing_records
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger_transactions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing_records
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

-- Judged at commit, when all entries of the transaction are there.
CREATE OR REPLACE FUNCTION ledger_transaction_sums_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  total numeric;
BEGIN
  SELECT sum(amount) INTO total FROM ledger_entries WHERE transaction_id = NEW.transaction_id;
  IF total <> 0 THEN
    RAISE EXCEPTION 'ledger transaction % sums to %, not to zero', NEW.transaction_id, total USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS sums_to_zero ON ledger_entries;
CREATE CONSTRAINT TRIGGER sums_to_zero AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION ledger_transaction_sums_to_zero();

-- Access and bookkeeping --------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS api_keys (
  id bigserial PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  name varchar(128),
  prefix varchar(16) NOT NULL,
  key_hash varchar(64) NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX IF NOT EXISTS idx_api_keys_customer ON api_keys (customer_id);

CREATE TABLE IF NOT EXISTS ssh_keys (
  id bigserial PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  name varchar(128) NOT NULL,
  public_key text NOT NULL,
  fingerprint varchar(128) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (customer_id, fingerprint)
);

CREATE TABLE IF NOT EXISTS idempotency_keys (
  api_key_id bigint NOT NULL REFERENCES api_keys,
  route varchar(256) NOT NULL,
  key varchar(255) NOT NULL,
  body_hash varchar(64) NOT NULL,
  state varchar(16) NOT NULL DEFAULT 'in_progress' CHECK (state IN ('in_progress', 'done')),
  response_status int,
  response_body jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (api_key_id, route, key)
);
CREATE INDEX IF NOT EXISTS idx_idempotency_keys_created_at ON idempotency_keys (created_at);

-- What happened to workloads, hosts and accounts. Rows outlive what they speak of, so nothing here is a foreign key.
CREATE TABLE IF NOT EXISTS events (
  id bigserial PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  workload_kind varchar(16),
  workload_id varchar(64),
  instance_id varchar(64),
  host_id varchar(64),
  gpu_uuid varchar(128),
  customer_id bigint,
  actor varchar(160),
  kind varchar(64) NOT NULL,
  old text,
  new text,
  reason text
);
CREATE INDEX IF NOT EXISTS idx_events_workload ON events (workload_kind, workload_id, id);
CREATE INDEX IF NOT EXISTS idx_events_host ON events (host_id, id);
CREATE INDEX IF NOT EXISTS idx_events_customer ON events (customer_id, id);

CREATE TABLE IF NOT EXISTS audit_log (
  id bigserial PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  api_key_id bigint,
  actor_customer_id bigint,
  method varchar(16) NOT NULL,
  route varchar(256) NOT NULL,
  subject varchar(256),
  status int,
  detail jsonb
);
CREATE INDEX IF NOT EXISTS idx_audit_log_actor ON audit_log (actor_customer_id, id);

CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON instances FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON specs FOR EACH ROW EXECUTE FUNCTION set_updated_at();
