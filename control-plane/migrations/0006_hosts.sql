-- Hosts and their cards: by what they are known, what they say of themselves beyond the columns of the change, and what
-- is ordered of a whole host. What they run, pull and measure is told further on, each where it belongs.

ALTER TABLE hosts
  -- Set when this host shows that the database is older than what it has seen; null again once its state is merged.
  ADD COLUMN IF NOT EXISTS restore_shown_at timestamptz,
  -- Where its access process takes connections of our gateways; null while that is closed, or not known.
  ADD COLUMN IF NOT EXISTS gateway_port int,
  -- When it last asked what it is to measure of storage; null where its agent knows no sampling.
  ADD COLUMN IF NOT EXISTS storage_asked_at timestamptz,
  -- What its agent can do beyond the protocol's first form, as the last heartbeat told that was new in this.
  ADD COLUMN IF NOT EXISTS features text[] NOT NULL DEFAULT '{}',
  -- Of the last report, without the numbers and sentences that only people read: loops are woken where it differs.
  ADD COLUMN IF NOT EXISTS observed_substance varchar(64);

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
  revoked_at timestamptz
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

-- Cards of a host with the same number are joined by NVLink; null where the host could not tell.
ALTER TABLE gpus ADD COLUMN IF NOT EXISTS nvlink_island int;

-- What hosts say of the health of their cards beyond gpus.health_status: one row for each card whose host tells it.
CREATE TABLE IF NOT EXISTS gpu_health (
  gpu_uuid varchar(128) PRIMARY KEY REFERENCES gpus (uuid) ON DELETE CASCADE,
  -- Sentences, the gravest first.
  reasons text[] NOT NULL DEFAULT '{}',
  -- The host's own cordon. Its moment, on the host's monotonic clock, tells it from a later one.
  host_cordon varchar(16) CHECK (host_cordon IN ('drain', 'fatal')),
  host_cordon_since_ms bigint,
  -- gpus.cordoned was set on the host's word, and goes with it. An administrator's own never does.
  cordoned_by_host boolean NOT NULL DEFAULT false,
  -- The host's cordon that an administrator lifted; the host is told until it says so no more.
  lifted_since_ms bigint,
  ecc_uncorrected bigint,
  ecc_uncorrected_total bigint,
  repair_pending boolean,
  repair_failed boolean,
  throttle_reasons text[],
  -- Processes of no container of the host: pid, name, memoryMib.
  strangers jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(strangers) = 'array'),
  foreign_memory_mib int,
  CONSTRAINT gpu_health_cordon_has_moment CHECK ((host_cordon IS NULL) = (host_cordon_since_ms IS NULL))
);
