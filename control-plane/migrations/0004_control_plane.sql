-- The control plane itself and what it writes down: its few rows of its own, alarms for operators, what happened (events)
-- and which changes were requested (the audit log). Of both, rows outlive what they are about, so nothing there is a foreign
-- key.

-- What must stay as it was written, for whoever owns the tables, too: the audit log here, and further on the rows of the
-- hosts' journals, the ledger and the parts of invoices. Rights guard them besides: the control plane's role and what it
-- may do belong to the cluster and to every run of the migrations, not to a file.
CREATE OR REPLACE FUNCTION refuse_change_of_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused, a correction is a new entry', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;

-- Whoever writes another text alone, as a process of the version before, leaves no code of the text before.
CREATE OR REPLACE FUNCTION forget_reason_code() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.status_reason_code := NULL;
  NEW.status_reason_params := NULL;
  RETURN NEW;
END $$;

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
CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- One row: who may write as the leader. Every leader transaction compares the term.
CREATE TABLE IF NOT EXISTS leader (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  holder text,
  term bigint NOT NULL DEFAULT 0 CHECK (term >= 0),
  lease_until timestamptz NOT NULL DEFAULT 'epoch'
);
INSERT INTO leader DEFAULT VALUES ON CONFLICT DO NOTHING;

-- What an operator should check: a second use of a token, quarantined usage, a card seen on two hosts.
CREATE TABLE IF NOT EXISTS alarms (
  id bigserial PRIMARY KEY,
  kind varchar(64) NOT NULL,
  subject varchar(256) NOT NULL,
  detail text,
  raised_at timestamptz NOT NULL DEFAULT now(),
  cleared_at timestamptz,
  reason_code varchar(64),
  reason_params jsonb
);
CREATE INDEX IF NOT EXISTS idx_alarms_open ON alarms (kind, subject) WHERE cleared_at IS NULL;

-- What happened to workloads, hosts and accounts.
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
  reason text,
  -- Reasons of events and alarms as data: a code and its parameters beside the text, which stays as it is. Both are null where
  -- the reason came as a text, as people and hosts write it, and older versions.
  reason_code varchar(64),
  reason_params jsonb
);
CREATE INDEX IF NOT EXISTS idx_events_workload ON events (workload_kind, workload_id, id);
CREATE INDEX IF NOT EXISTS idx_events_host ON events (host_id, id);
CREATE INDEX IF NOT EXISTS idx_events_customer ON events (customer_id, id);

-- Every change that anybody requested, refused ones too: what it was, of what, and what came of it. Servers of another
-- version may run beside ours and name less, so action and outcome have defaults.
CREATE TABLE IF NOT EXISTS audit_log (
  id bigserial PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  api_key_id bigint,
  actor_customer_id bigint,
  method varchar(16) NOT NULL,
  route varchar(256) NOT NULL,
  subject varchar(256),
  status int,
  -- Nobody writes or reads it.
  detail jsonb,
  actor_role varchar(16),
  action varchar(64) NOT NULL DEFAULT 'change',
  target_kind varchar(32),
  target_id varchar(160),
  outcome varchar(16) NOT NULL DEFAULT 'done' CHECK (outcome IN ('done', 'repeated', 'refused', 'failed')),
  problem varchar(32),
  -- Fields that differ, and of those that may be presented their values; null where nothing was there.
  before jsonb,
  after jsonb,
  -- Rows of one request share it; null where a row stands for none alone.
  request_id uuid,
  -- More than one where a row stands for attempts that were counted only.
  attempts int NOT NULL DEFAULT 1 CHECK (attempts >= 1)
);
CREATE INDEX IF NOT EXISTS idx_audit_log_actor ON audit_log (actor_customer_id, at, id);
CREATE INDEX IF NOT EXISTS idx_audit_log_at ON audit_log (at, id);
CREATE INDEX IF NOT EXISTS idx_audit_log_target ON audit_log (target_kind, target_id, at, id);
CREATE INDEX IF NOT EXISTS idx_audit_log_action ON audit_log (action, at, id);
-- What is done is nearly everything, and found by the index of all.
CREATE INDEX IF NOT EXISTS idx_audit_log_undone ON audit_log (outcome, at, id) WHERE outcome <> 'done';
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

-- Which sealing keys each server has read from its operator.json: an old key is taken away only once nobody needs it.
CREATE TABLE IF NOT EXISTS sealing_key_reports (
  -- Of this life of the process, as the leader's row names it: machines made from one image have one name.
  holder varchar(64) PRIMARY KEY,
  -- The machine and the file, as people know them.
  server varchar(256) NOT NULL CHECK (server <> ''),
  -- When this process reported first: what others of its name reported last before that is taken over after a while.
  began_at timestamptz NOT NULL,
  seals_with varchar(64) NOT NULL,
  -- Those that open, the one that seals among them: names, which reveal nothing of the keys.
  key_names text[] NOT NULL CHECK (cardinality(key_names) BETWEEN 1 AND 64),
  reported_at timestamptz NOT NULL
);
