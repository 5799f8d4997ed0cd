-- What shows that a run's time was broken: cards that failed or went, hosts that died, and which runs were ever ready.

-- One row for each stretch in which a card was of no use to whoever held it, from its host's reports.
CREATE TABLE IF NOT EXISTS gpu_outages (
  id bigserial PRIMARY KEY,
  gpu_uuid varchar(128) NOT NULL REFERENCES gpus (uuid) ON DELETE CASCADE,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  last_good_at timestamptz NOT NULL,
  noticed_at timestamptz NOT NULL,
  -- In the host's words.
  fault text,
  vanished_at timestamptz,
  recovered_at timestamptz,
  -- The events of the moment at which it was noticed.
  event_ids bigint[] NOT NULL DEFAULT '{}',
  -- It is over, and every run that it concerns has heard of it.
  settled_at timestamptz,
  CONSTRAINT gpu_outages_in_order CHECK (last_good_at <= noticed_at AND noticed_at <= recovered_at),
  CONSTRAINT gpu_outages_settled_when_over CHECK (settled_at IS NULL OR recovered_at IS NOT NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS gpu_outages_one_open ON gpu_outages (gpu_uuid) WHERE recovered_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_gpu_outages_gpu ON gpu_outages (gpu_uuid);
CREATE INDEX IF NOT EXISTS idx_gpu_outages_host ON gpu_outages (host_id);
CREATE INDEX IF NOT EXISTS idx_gpu_outages_unsettled ON gpu_outages (id) WHERE settled_at IS NULL;

-- The end of a host's boot: the host spoke under another one, or was declared lost. A boot ends once.
CREATE TABLE IF NOT EXISTS host_deaths (
  host_id varchar(64) NOT NULL REFERENCES hosts,
  boot_id uuid NOT NULL,
  cause varchar(16) NOT NULL CHECK (cause IN ('rebooted', 'lost')),
  last_heard_at timestamptz NOT NULL,
  noticed_at timestamptz NOT NULL,
  -- How far the journal went by then. Until it is decided up to there nobody knows whether the host had only been cut off.
  journal_id uuid,
  head_seq bigint,
  settled_at timestamptz,
  PRIMARY KEY (host_id, boot_id),
  CONSTRAINT host_deaths_in_order CHECK (last_heard_at <= noticed_at)
);
CREATE INDEX IF NOT EXISTS idx_host_deaths_unsettled ON host_deaths (noticed_at) WHERE settled_at IS NULL;

-- When a run was first reported ready, in each boot of its host.
CREATE TABLE IF NOT EXISTS run_readiness (
  run_id varchar(64) NOT NULL REFERENCES runs ON DELETE CASCADE,
  boot_id uuid NOT NULL,
  ready_at timestamptz NOT NULL,
  PRIMARY KEY (run_id, boot_id)
);

-- Null until it is told. Runs from before this was asked were.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS was_ready boolean DEFAULT true;
ALTER TABLE runs ALTER COLUMN was_ready DROP DEFAULT;
CREATE INDEX IF NOT EXISTS idx_runs_readiness_unknown ON runs (id) WHERE was_ready IS NULL;
