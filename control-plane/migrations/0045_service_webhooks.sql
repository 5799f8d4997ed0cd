-- Webhooks of inference services.

ALTER TABLE webhooks
  DROP CONSTRAINT IF EXISTS webhooks_kinds_check,
  ADD CONSTRAINT webhooks_kinds_check
    CHECK (kinds <@ ARRAY['low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk', 'ready', 'failed',
                          'stopped', 'restarting', 'drained', 'lease-due', 'job-started', 'job-ended', 'job-retried',
                          'job-stalled', 'service-serving', 'service-failed', 'service-stopped', 'service-scaled',
                          'service-rollout', 'alarm']::varchar[]);

ALTER TABLE webhook_deliveries
  DROP CONSTRAINT IF EXISTS webhook_deliveries_kind_check,
  ADD CONSTRAINT webhook_deliveries_kind_check
    CHECK (kind IN ('low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk', 'ready', 'failed',
                    'stopped', 'restarting', 'drained', 'lease-due', 'job-started', 'job-ended', 'job-retried',
                    'job-stalled', 'service-serving', 'service-failed', 'service-stopped', 'service-scaled',
                    'service-rollout', 'alarm', 'test', 'skipped'));
