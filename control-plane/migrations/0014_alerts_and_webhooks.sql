-- Notifications of customers: which of their money they requested and received, and the webhooks by which these, messages of
-- their workloads and operators' alarms are sent.

-- Null where the settings' defaults hold; an empty list warns of nothing.
CREATE TABLE IF NOT EXISTS alert_rules (
  customer_id bigint PRIMARY KEY REFERENCES customers,
  balances numeric(20,4)[],
  hours_left numeric(20,4)[],
  budget_percents numeric(20,4)[],
  monthly_limit numeric(20,4),
  CONSTRAINT alert_rules_monthly_limit_check CHECK (monthly_limit > 0)
);
CREATE INDEX IF NOT EXISTS idx_alert_rules_with_limit ON alert_rules (customer_id) WHERE monthly_limit IS NOT NULL;

-- One row for each time that something was reported; it is open until it has recovered.
CREATE TABLE IF NOT EXISTS alerts (
  id bigserial PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  kind varchar(16) NOT NULL
    CHECK (kind IN ('low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk')),
  -- Points, hours or percent.
  threshold numeric(20,4),
  -- The first day of the month that a budget's alert is about.
  month date,
  -- What stood there when it fired.
  value varchar(64) NOT NULL,
  sentence text NOT NULL,
  fired_at timestamptz NOT NULL,
  recovered_at timestamptz,
  CONSTRAINT alerts_threshold_of_kind CHECK ((threshold IS NULL) = (kind IN ('overdue', 'suspended'))),
  CONSTRAINT alerts_month_of_budget CHECK ((month IS NULL) = (kind <> 'budget'))
);
CREATE INDEX IF NOT EXISTS idx_alerts_customer ON alerts (customer_id, id);
CREATE UNIQUE INDEX IF NOT EXISTS alerts_open_once ON alerts (customer_id, kind, threshold, month) NULLS NOT DISTINCT
  WHERE recovered_at IS NULL;

CREATE TABLE IF NOT EXISTS webhooks (
  id bigserial PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  url varchar(2048) NOT NULL,
  -- Signs what is sent, so it has to be known; it is presented once.
  -- Secrets of webhooks are sealed likewise: the text names the key first. Those without one are plain still.
  secret varchar(512) NOT NULL,
  -- Null: every kind of the account's own. `alarm` has to be named.
  kinds varchar(16)[],
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Webhooks of inference services.
  CONSTRAINT webhooks_kinds_check
    CHECK (kinds <@ ARRAY['low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk', 'ready', 'failed',
                          'stopped', 'restarting', 'drained', 'lease-due', 'job-started', 'job-ended', 'job-retried',
                          'job-stalled', 'service-serving', 'service-failed', 'service-stopped', 'service-scaled',
                          'service-rollout', 'alarm']::varchar[])
);
CREATE INDEX IF NOT EXISTS idx_webhooks_customer ON webhooks (customer_id, id);

-- The outbox: written in the transaction of what it reports.
CREATE TABLE IF NOT EXISTS webhook_deliveries (
  id bigserial PRIMARY KEY,
  webhook_id bigint NOT NULL REFERENCES webhooks ON DELETE CASCADE,
  alert_id bigint REFERENCES alerts,
  -- `skipped`: so much waits for the webhook that what happened since is not reported one by one.
  kind varchar(16) NOT NULL,
  -- What is sent, to the byte, at every try.
  body text NOT NULL,
  created_at timestamptz NOT NULL,
  tries int NOT NULL DEFAULT 0 CHECK (tries >= 0),
  next_try_at timestamptz NOT NULL,
  last_try_at timestamptz,
  last_status int,
  -- Why it was not delivered, and how the receiver's answer began.
  last_error text,
  last_answer text,
  delivered_at timestamptz,
  given_up_at timestamptz,
  CONSTRAINT webhook_deliveries_one_end CHECK (delivered_at IS NULL OR given_up_at IS NULL),
  CONSTRAINT webhook_deliveries_kind_check
    CHECK (kind IN ('low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk', 'ready', 'failed',
                    'stopped', 'restarting', 'drained', 'lease-due', 'job-started', 'job-ended', 'job-retried',
                    'job-stalled', 'service-serving', 'service-failed', 'service-stopped', 'service-scaled',
                    'service-rollout', 'alarm', 'test', 'skipped'))
);
CREATE INDEX IF NOT EXISTS idx_webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX IF NOT EXISTS idx_webhook_deliveries_alert ON webhook_deliveries (alert_id);
CREATE INDEX IF NOT EXISTS idx_webhook_deliveries_due ON webhook_deliveries (next_try_at)
  WHERE delivered_at IS NULL AND given_up_at IS NULL;
-- What waits for a webhook is counted before more is added.
CREATE INDEX IF NOT EXISTS idx_webhook_deliveries_waiting ON webhook_deliveries (webhook_id)
  WHERE delivered_at IS NULL AND given_up_at IS NULL;
