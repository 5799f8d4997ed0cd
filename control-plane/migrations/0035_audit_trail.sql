-- The audit log has every change that anybody asked for, refused ones too: what it was, of what, and what came of it.
-- Rows are only ever added.

ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS actor_role varchar(16);
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS action varchar(64);
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS target_kind varchar(32);
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS target_id varchar(160);
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS outcome varchar(16);
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS problem varchar(32);
-- Fields that differ, and of those that may be shown their values; null where nothing was there.
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS before jsonb;
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS after jsonb;
-- Rows of one request share it; null of rows of before.
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS request_id uuid;
-- More than one where a row stands for attempts that were counted only.
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS attempts int NOT NULL DEFAULT 1;
-- `detail` was never written and is no longer named; a later release drops it, when no server of before runs any more.

-- Rows of before are all administrators'.
UPDATE audit_log
   SET outcome = CASE WHEN status < 400 THEN 'done' WHEN status < 500 THEN 'refused' ELSE 'failed' END,
       actor_role = 'admin', action = CASE method WHEN 'GET' THEN 'read' ELSE 'change' END
 WHERE outcome IS NULL;
-- For servers of before, which run on beside this version for a while and name neither.
ALTER TABLE audit_log ALTER COLUMN outcome SET DEFAULT 'done';
ALTER TABLE audit_log ALTER COLUMN action SET DEFAULT 'change';
ALTER TABLE audit_log ALTER COLUMN outcome SET NOT NULL;
ALTER TABLE audit_log ALTER COLUMN action SET NOT NULL;
ALTER TABLE audit_log DROP CONSTRAINT IF EXISTS audit_log_outcome_check;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_outcome_check
  CHECK (outcome IN ('done', 'repeated', 'refused', 'failed'));
ALTER TABLE audit_log DROP CONSTRAINT IF EXISTS audit_log_attempts_check;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_attempts_check CHECK (attempts >= 1);

DROP INDEX IF EXISTS idx_audit_log_actor;
CREATE INDEX idx_audit_log_actor ON audit_log (actor_customer_id, at, id);
CREATE INDEX IF NOT EXISTS idx_audit_log_at ON audit_log (at, id);
CREATE INDEX IF NOT EXISTS idx_audit_log_target ON audit_log (target_kind, target_id, at, id);
CREATE INDEX IF NOT EXISTS idx_audit_log_action ON audit_log (action, at, id);
-- What is done is nearly everything, and found by the index of all.
CREATE INDEX IF NOT EXISTS idx_audit_log_undone ON audit_log (outcome, at, id) WHERE outcome <> 'done';

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();
