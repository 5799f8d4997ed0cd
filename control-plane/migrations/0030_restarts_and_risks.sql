-- What customers could not see: that a container ended and was started again within its run, and data at risk among the
-- alerts that go to webhooks.

-- The restarts of each run that its host has told of, and how the container ended before the last one.
CREATE TABLE IF NOT EXISTS run_restarts (
  run_id varchar(64) PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  told_at timestamptz NOT NULL,
  count int NOT NULL CHECK (count > 0),
  -- Null where the container was gone.
  exit_code int,
  out_of_memory boolean NOT NULL,
  signal varchar(16)
);

ALTER TABLE alerts DROP CONSTRAINT IF EXISTS alerts_kind_check;
ALTER TABLE alerts ADD CONSTRAINT alerts_kind_check
  CHECK (kind IN ('low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk'));

ALTER TABLE webhooks DROP CONSTRAINT IF EXISTS webhooks_kinds_check;
ALTER TABLE webhooks ADD CONSTRAINT webhooks_kinds_check
  CHECK (kinds <@ ARRAY['low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk']::varchar[]);

ALTER TABLE webhook_deliveries DROP CONSTRAINT IF EXISTS webhook_deliveries_kind_check;
ALTER TABLE webhook_deliveries ADD CONSTRAINT webhook_deliveries_kind_check
  CHECK (kind IN ('low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk', 'test'));
