-- The hosts' journals, the time of runs that they prove, and the stretches of it that were broken and are free.
-- Ids that come from a host's message (usage_rows.run_id and the like) carry no foreign key on purpose: a wrong claim is
-- stored and judged, never refused by the database.

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

-- Every row of every journal, once, with what was decided about it. It is written by whoever holds its journal's row, in
-- one transaction with the signed head of its batch. The head has a foreign key, so a journal that rows came from cannot
-- go; asking the same for each row would be most of what a row costs beside its own writing.
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
  PRIMARY KEY (host_id, journal_id, seq)
);
CREATE INDEX IF NOT EXISTS idx_usage_rows_run ON usage_rows (run_id);
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON usage_rows
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON usage_rows
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

-- The signed heads: proof of who claimed what.
CREATE TABLE IF NOT EXISTS usage_batches (
  host_id varchar(64) NOT NULL,
  journal_id uuid NOT NULL,
  last_seq bigint NOT NULL,
  last_hash varchar(64) NOT NULL,
  signature varchar(128) NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  -- Where the batch begins and the hash before it, as its host sent them: what its first row is chained to can then be
  -- detected even where the row before was lost with an earlier state of the database. Null where its rows have no order.
  first_seq bigint,
  previous_hash varchar(64),
  PRIMARY KEY (host_id, journal_id, last_seq),
  FOREIGN KEY (host_id, journal_id) REFERENCES host_journals (host_id, journal_id),
  CONSTRAINT usage_batches_beginning_check
    CHECK (first_seq >= 1 AND first_seq <= last_seq AND (first_seq IS NULL) = (previous_hash IS NULL))
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

-- The union of a run's proven intervals, in milliseconds of the host's monotonic clock, per boot. With room for updates,
-- as runs.
CREATE TABLE IF NOT EXISTS run_time (
  run_id varchar(64) NOT NULL REFERENCES runs,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  boot_id uuid NOT NULL,
  proven int8multirange NOT NULL DEFAULT '{}',
  PRIMARY KEY (run_id, host_id, boot_id)
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS idx_run_time_host ON run_time (host_id);

-- Stretches of runs' time that are metered and not charged, beside the moment from which a stop waives all of it:
-- what was broken is free. A stretch without an end lasts on; its end is set once.
CREATE TABLE IF NOT EXISTS run_waivers (
  id bigserial PRIMARY KEY,
  run_id varchar(64) NOT NULL REFERENCES runs,
  reason varchar(32) NOT NULL,
  from_at timestamptz NOT NULL,
  to_at timestamptz,
  -- What shows it, for people: events and samples with their moments.
  evidence jsonb NOT NULL CHECK (jsonb_typeof(evidence) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Whose allowance a stretch of free loading is taken from.
  allowance_of bigint REFERENCES customers,
  CONSTRAINT run_waivers_from_before_to CHECK (from_at < to_at),
  UNIQUE (run_id, reason, from_at),
  CONSTRAINT run_waivers_reason_check
    CHECK (reason IN ('gpu-lost', 'host-died', 'never-ready', 'gang-broken', 'loading')),
  CONSTRAINT run_waivers_allowance_check
    CHECK ((reason = 'loading') = (allowance_of IS NOT NULL) AND (allowance_of IS NULL OR to_at IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS idx_run_waivers_open ON run_waivers (run_id) WHERE to_at IS NULL;
-- One instance of a payer at a time, and the sums of its hours.
CREATE UNIQUE INDEX IF NOT EXISTS idx_run_waivers_allowance ON run_waivers (allowance_of, from_at);

-- What shows that time was broken: cards that failed or went, hosts that died, and which runs were ever ready.

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
  fault_code varchar(48),
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
