-- Upgrades of the fleet's agents in waves: what hosts report of theirs, which release each is to run, the waves with the state of
-- each host, and what came of every attempt. Versions are those of releases, as 0.2.0-1a2b3c4d5e6f.
ALTER TABLE hosts
  -- As its agent reports it; null for one that cannot upgrade itself.
  ADD COLUMN IF NOT EXISTS agent_upgrade jsonb,
  -- The release with the SHA-256 of its manifest that heartbeats are answered with; null: nothing is to change.
  ADD COLUMN IF NOT EXISTS target_release jsonb;

CREATE TABLE IF NOT EXISTS fleet_upgrades (
  id varchar(64) PRIMARY KEY,
  version varchar(96) NOT NULL,
  manifest_sha256 varchar(64) NOT NULL CHECK (manifest_sha256 ~ '^[0-9a-f]{64}$'),
  state varchar(16) NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'halted', 'finished', 'aborted')),
  -- Counted from 0, the canary's.
  wave integer NOT NULL DEFAULT 0 CHECK (wave >= 0),
  wave_count integer NOT NULL CHECK (wave_count > 0),
  -- Since when nothing has been wrong on the hosts that were upgraded; null: something is, or the wave is under way.
  calm_since timestamptz,
  -- Why it halted, or what the wave waits for.
  status_reason text,
  status_reason_code varchar(64),
  status_reason_params jsonb,
  started_by varchar(64) NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  CHECK ((state IN ('finished', 'aborted')) = (ended_at IS NOT NULL))
);
-- One at a time.
CREATE UNIQUE INDEX IF NOT EXISTS uq_fleet_upgrades_open ON fleet_upgrades ((true)) WHERE ended_at IS NULL;

CREATE TABLE IF NOT EXISTS fleet_upgrade_hosts (
  upgrade_id varchar(64) NOT NULL REFERENCES fleet_upgrades (id) ON DELETE CASCADE,
  host_id varchar(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  wave integer NOT NULL CHECK (wave >= 0),
  state varchar(16) NOT NULL DEFAULT 'waiting'
    CHECK (state IN ('waiting', 'ordered', 'upgraded', 'reverted', 'refused', 'overdue', 'skipped')),
  from_version varchar(96),
  ordered_at timestamptz,
  ended_at timestamptz,
  -- As they were when it was ordered: its last attempt, and what was wrong with the host already.
  attempt_before varchar(96),
  conditions_before text[] NOT NULL DEFAULT '{}',
  -- The head of its journal that was not ingested when that was first seen, and when; null: all of it was.
  lagging_head bigint,
  lagging_since timestamptz,
  -- An administrator resumed the upgrade in spite of it.
  acknowledged_at timestamptz,
  reason text,
  reason_code varchar(64),
  reason_params jsonb,
  PRIMARY KEY (upgrade_id, host_id)
);
CREATE INDEX IF NOT EXISTS idx_fleet_upgrade_hosts_host ON fleet_upgrade_hosts (host_id);

-- Only grows: each attempt of each host once, however often it is reported.
CREATE TABLE IF NOT EXISTS agent_upgrade_results (
  id bigserial PRIMARY KEY,
  host_id varchar(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  attempt varchar(96) NOT NULL,
  from_version varchar(96),
  to_version varchar(96) NOT NULL,
  result varchar(16) NOT NULL CHECK (result IN ('committed', 'reverted', 'refused')),
  reason text,
  reason_code varchar(64),
  reason_params jsonb,
  reported_at timestamptz NOT NULL,
  UNIQUE (host_id, attempt)
);
