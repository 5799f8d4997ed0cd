-- Webhooks tell of work and of operators' alarms, too; hosts are drained by a deadline; loops of restarts are told once.

-- `alarm` has to be named; null is every kind of the account's own.
ALTER TABLE webhooks DROP CONSTRAINT IF EXISTS webhooks_kinds_check;
ALTER TABLE webhooks ADD CONSTRAINT webhooks_kinds_check
  CHECK (kinds <@ ARRAY['low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk', 'ready', 'failed',
                        'stopped', 'restarting', 'drained', 'lease-due', 'alarm']::varchar[]);

-- `skipped`: so much waits for the webhook that what happened since is not told one by one.
ALTER TABLE webhook_deliveries DROP CONSTRAINT IF EXISTS webhook_deliveries_kind_check;
ALTER TABLE webhook_deliveries ADD CONSTRAINT webhook_deliveries_kind_check
  CHECK (kind IN ('low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk', 'ready', 'failed',
                  'stopped', 'restarting', 'drained', 'lease-due', 'alarm', 'skipped', 'test'));

-- What waits for a webhook is counted before more is added.
CREATE INDEX IF NOT EXISTS idx_webhook_deliveries_waiting ON webhook_deliveries (webhook_id)
  WHERE delivered_at IS NULL AND given_up_at IS NULL;

-- How many restarts there had been when it last was calm, and since when they come in a row.
ALTER TABLE run_restarts ADD COLUMN IF NOT EXISTS calm_count int NOT NULL DEFAULT 0;
ALTER TABLE run_restarts ADD COLUMN IF NOT EXISTS looping_since timestamptz;
CREATE INDEX IF NOT EXISTS idx_run_restarts_looping ON run_restarts (run_id) WHERE looping_since IS NOT NULL;

-- Why a stop was ordered, where its orderer gave a reason; shown once it has stopped.
ALTER TABLE placements ADD COLUMN IF NOT EXISTS stop_reason text;

-- Hosts whose containers are stopped at the deadline, unless it is taken back before.
CREATE TABLE IF NOT EXISTS host_drains (
  host_id varchar(64) PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  reason text,
  deadline_at timestamptz NOT NULL,
  ordered_by varchar(64) NOT NULL,
  ordered_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_host_drains_deadline ON host_drains (deadline_at);
