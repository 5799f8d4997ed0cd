-- Jobs that do nothing any more, and containers that somebody holds still: as their hosts tell it.

ALTER TABLE placements
  -- Since when it is told to do nothing, and what its processes wait for; null where it does something, or nobody says.
  ADD COLUMN IF NOT EXISTS idle_since timestamptz,
  ADD COLUMN IF NOT EXISTS idle_processes jsonb,
  -- Since when all of it is stopped from outside.
  ADD COLUMN IF NOT EXISTS frozen_since timestamptz,
  -- That its whole job does nothing was told to its people, or has ended it.
  ADD COLUMN IF NOT EXISTS stall varchar(8),
  DROP CONSTRAINT IF EXISTS placements_stall_check,
  ADD CONSTRAINT placements_stall_check CHECK (stall IN ('told', 'ended'));

ALTER TABLE webhooks
  DROP CONSTRAINT IF EXISTS webhooks_kinds_check,
  ADD CONSTRAINT webhooks_kinds_check
    CHECK (kinds <@ ARRAY['low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk', 'ready', 'failed',
                          'stopped', 'restarting', 'drained', 'lease-due', 'job-started', 'job-ended', 'job-retried',
                          'job-stalled', 'alarm']::varchar[]);

ALTER TABLE webhook_deliveries
  DROP CONSTRAINT IF EXISTS webhook_deliveries_kind_check,
  ADD CONSTRAINT webhook_deliveries_kind_check
    CHECK (kind IN ('low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk', 'ready', 'failed',
                    'stopped', 'restarting', 'drained', 'lease-due', 'job-started', 'job-ended', 'job-retried',
                    'job-stalled', 'alarm', 'test', 'skipped'));
