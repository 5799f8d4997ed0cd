-- Hosts and their GPUs: by what they are known, what they report of themselves beyond the columns of the change, and what is
-- ordered of a whole host. What they run, pull and measure stands in later files.

CREATE TABLE IF NOT EXISTS host_credentials (
  nkey varchar(56) PRIMARY KEY,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  jwt_expires_at timestamptz,
  issued_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);
CREATE INDEX IF NOT EXISTS idx_host_credentials_host ON host_credentials (host_id);

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
  revoked_at timestamptz,
  -- In which pool its host will be; null: in its own, whatever it claims.
  storage_pool varchar(64),
  CONSTRAINT join_tokens_pool_is_no_host CHECK (storage_pool !~ '^host-[0-9a-f]{20}$')
);
CREATE INDEX IF NOT EXISTS idx_join_tokens_created_by ON join_tokens (created_by);
CREATE INDEX IF NOT EXISTS idx_join_tokens_host ON join_tokens (host_id);

-- The UTC time at which a boot's monotonic clock was zero, from the heartbeat with the shortest round trip. Once
-- fixed_at is set it never moves again.
CREATE TABLE IF NOT EXISTS host_boots (
  host_id varchar(64) NOT NULL REFERENCES hosts,
  boot_id uuid NOT NULL,
  utc_at_zero timestamptz NOT NULL,
  round_trip_ms int CHECK (round_trip_ms >= 0),
  fixed_at timestamptz,
  -- How far a boot's clock may have drifted from ours counts from when the two were compared, not from the boot.
  measured_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (host_id, boot_id)
);

-- Hosts whose containers are stopped at the deadline, unless it is taken back before.
CREATE TABLE IF NOT EXISTS host_drains (
  host_id varchar(64) PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  reason text,
  deadline_at timestamptz NOT NULL,
  ordered_by varchar(64) NOT NULL,
  ordered_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_host_drains_deadline ON host_drains (deadline_at);

-- What hosts report of the health of their cards beyond gpus.health_status: one row for each card whose host reports it.
CREATE TABLE IF NOT EXISTS gpu_health (
  gpu_uuid varchar(128) PRIMARY KEY REFERENCES gpus (uuid) ON DELETE CASCADE,
  -- Sentences, the gravest first.
  reasons text[] NOT NULL DEFAULT '{}',
  -- The host's own cordon. Its moment, on the host's monotonic clock, distinguishes it from a later one.
  host_cordon varchar(16) CHECK (host_cordon IN ('drain', 'fatal')),
  host_cordon_since_ms bigint,
  -- gpus.cordoned was set on the host's word, and goes with it. An administrator's own never does.
  cordoned_by_host boolean NOT NULL DEFAULT false,
  -- The host's cordon that an administrator lifted; the host is notified until it reports it no more.
  lifted_since_ms bigint,
  ecc_uncorrected bigint,
  ecc_uncorrected_total bigint,
  repair_pending boolean,
  repair_failed boolean,
  throttle_reasons text[],
  -- Processes of no container of the host: pid, name, memoryMib.
  strangers jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(strangers) = 'array'),
  foreign_memory_mib int,
  -- Hosts report by a stable name why a card is closed, and whether a sign of failure is open on it: what it read well last was
  -- before that, and an outage that is confirmed later reaches back to it.
  reason_code varchar(48),
  has_sign boolean NOT NULL DEFAULT false,
  CONSTRAINT gpu_health_cordon_has_moment CHECK ((host_cordon IS NULL) = (host_cordon_since_ms IS NULL))
);

-- What cards were read at, five minutes by five minutes: one row of each card and hour, whose arrays have twelve places.
CREATE TABLE IF NOT EXISTS gpu_history (
  gpu_id bigint NOT NULL REFERENCES gpus,
  -- In which it begins; UTC.
  hour timestamptz NOT NULL,
  -- How often the card was read in each; null: nobody heard of it. Several servers add up what each of them heard.
  samples smallint[] NOT NULL,
  -- Three times twelve: the least, the mean and the most of each. Whole percent, MiB, °C and watts; null: not reported.
  utilization smallint[] NOT NULL,
  memory_used int[] NOT NULL,
  temperature smallint[] NOT NULL,
  power smallint[] NOT NULL,
  PRIMARY KEY (gpu_id, hour)
);
CREATE INDEX IF NOT EXISTS idx_gpu_history_hour ON gpu_history (hour);

-- When the workloads on a card heard of a fault last, by how grave it is.
CREATE TABLE IF NOT EXISTS gpu_fault_events (
  gpu_uuid varchar(128) NOT NULL REFERENCES gpus (uuid) ON DELETE CASCADE,
  gravity varchar(8) NOT NULL CHECK (gravity IN ('drain', 'sign', 'fatal')),
  reported_at timestamptz NOT NULL,
  PRIMARY KEY (gpu_uuid, gravity)
);

-- What closes no GPU, of a host's present boot: reported once, and again when it has become ten times as often.
CREATE TABLE IF NOT EXISTS host_kernel_notes (
  host_id varchar(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  -- Its PCI address; empty for what is of no single device.
  device varchar(32) NOT NULL,
  code varchar(48) NOT NULL,
  boot_id uuid NOT NULL,
  count int NOT NULL CHECK (count > 0),
  reported_at timestamptz NOT NULL,
  PRIMARY KEY (host_id, device, code)
);

-- What hosts run containers with, as they report it, which CVEs are open there, and which of them administrators accept.
CREATE TABLE IF NOT EXISTS host_versions (
  host_id varchar(64) PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  -- As the host reports it (HostVersions of shared/src/host-versions.ts).
  reported jsonb NOT NULL,
  reported_at timestamptz NOT NULL,
  -- What follows from it by an edition of the release's table, and is found anew where the edition is another.
  open_cves text[] NOT NULL DEFAULT '{}',
  table_edition int NOT NULL
);

-- An administrator's word that these CVEs of the host are accepted; of others that are found later it does not apply.
CREATE TABLE IF NOT EXISTS host_cve_waivers (
  host_id varchar(64) PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  reason varchar(500) NOT NULL CHECK (reason <> ''),
  cves text[] NOT NULL CHECK (cardinality(cves) BETWEEN 1 AND 64),
  waived_by bigint,
  waived_at timestamptz NOT NULL,
  -- Null: until it is taken back.
  expires_at timestamptz
);

-- What came of the canary of each host: a container of its agent that tries what every container must be refused.
CREATE TABLE IF NOT EXISTS host_canaries (
  host_id varchar(64) PRIMARY KEY REFERENCES hosts ON DELETE CASCADE,
  -- On the host's own clock: distinguishes one report from the next, and is nothing more.
  reported_ms bigint NOT NULL CHECK (reported_ms >= 0),
  outcome varchar(16) NOT NULL CHECK (outcome IN ('refused', 'succeeded', 'left-out', 'failed', 'off')),
  -- Why it was left out or failed.
  detail varchar(300),
  heard_at timestamptz NOT NULL,
  -- Of the last one that was tried to its end: what succeeded, each with a sentence, and what is unclear.
  tried_at timestamptz,
  succeeded jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(succeeded) = 'array'),
  unclear text[] NOT NULL DEFAULT '{}',
  -- So many in a row could not be tried.
  failures int NOT NULL DEFAULT 0 CHECK (failures >= 0)
);

ALTER TABLE hosts
  -- Set when this host shows that the database is older than what it has seen; null again once its state is merged.
  ADD COLUMN IF NOT EXISTS restore_detected_at timestamptz,
  -- Where its access process takes connections of our gateways; null while that is closed, or not known.
  ADD COLUMN IF NOT EXISTS gateway_port int,
  -- When it last requested what it is to measure of storage; null where its agent knows no sampling.
  ADD COLUMN IF NOT EXISTS storage_requested_at timestamptz,
  -- What its agent can do beyond the protocol's first form, as the last heartbeat reported that was new in this.
  ADD COLUMN IF NOT EXISTS features text[] NOT NULL DEFAULT '{}',
  -- Of the last report, without the numbers and sentences that only people read: loops are woken where it differs.
  ADD COLUMN IF NOT EXISTS observed_substance varchar(64),
  -- How far the clocks of hosts are from ours, as they measure it.
  -- Positive: ahead of the control plane's; null while it is not known, and of agents that do not report it.
  ADD COLUMN IF NOT EXISTS clock_offset_ms bigint,
  -- Who is a member of a storage pool: by an administrator's word alone, and proved by files that two members see.
  -- What a host that joined claimed of its pool, until an administrator confirms or declines it; it is in its own until then.
  ADD COLUMN IF NOT EXISTS claimed_storage_pool varchar(64),
  -- trusted: its files are read and written. waiting: confirmed, not proved yet. failed: it sees other files than the
  -- pool's proved members. overdue: others answered for longer than it may go without a proof.
  ADD COLUMN IF NOT EXISTS pool_state varchar(16) NOT NULL DEFAULT 'trusted',
  -- Since when an administrator wants it there: of two members that differ, the later one goes.
  ADD COLUMN IF NOT EXISTS pool_member_since timestamptz,
  ADD COLUMN IF NOT EXISTS pool_proved_at timestamptz,
  -- By then the next proof is to have held; null of one that never had another member beside it.
  ADD COLUMN IF NOT EXISTS pool_proof_due_at timestamptz,
  ADD COLUMN IF NOT EXISTS pool_tried_at timestamptz,
  -- A sentence: what came of the last try that proved nothing.
  ADD COLUMN IF NOT EXISTS pool_failure text,
  DROP CONSTRAINT IF EXISTS hosts_pool_state,
  DROP CONSTRAINT IF EXISTS hosts_pool_is_no_other_host,
  ADD CONSTRAINT hosts_pool_state CHECK (pool_state IN ('trusted', 'waiting', 'failed', 'overdue')),
  -- The control plane's ids of hosts have this form: a name like one could become one.
  ADD CONSTRAINT hosts_pool_is_no_other_host CHECK (storage_pool = id OR storage_pool !~ '^host-[0-9a-f]{20}$'),
  -- Which of the addresses that hosts report are confirmed. Those of hosts that joined before are not, until a connection
  -- of theirs is seen to come from there: meanwhile gateways reach them by what they dial themselves.
  -- From where its own connections came, the latest first, each in its one spelling.
  ADD COLUMN IF NOT EXISTS seen_addresses text[] NOT NULL DEFAULT '{}',
  -- The address that an administrator has confirmed; of another one that it reports later this does not hold.
  ADD COLUMN IF NOT EXISTS confirmed_address varchar(64),
  -- Boot and network namespace of the machine on which the operator has confirmed that its agent runs there: only to
  -- processes with this very loopback is it on their machine.
  ADD COLUMN IF NOT EXISTS own_network varchar(128),
  DROP CONSTRAINT IF EXISTS hosts_seen_addresses,
  ADD CONSTRAINT hosts_seen_addresses CHECK (cardinality(seen_addresses) <= 4) NOT VALID,
  ADD COLUMN IF NOT EXISTS status_reason_code varchar(64),
  ADD COLUMN IF NOT EXISTS status_reason_params jsonb;

ALTER TABLE gpus
  -- Cards of a host with the same number are joined by NVLink; null where the host could not detect it.
  ADD COLUMN IF NOT EXISTS nvlink_island int;
