-- Reasons of replicas, rollouts, autoscaling, broken gangs and alerts as data: a code and its parameters beside the text, which
-- stays as it is. Both are null where the reason came as a text; a code of another text counts for nothing.
ALTER TABLE instances ADD COLUMN IF NOT EXISTS lacks_code varchar(64), ADD COLUMN IF NOT EXISTS lacks_params jsonb,
  ADD COLUMN IF NOT EXISTS given_up_code varchar(64), ADD COLUMN IF NOT EXISTS given_up_params jsonb,
  ADD COLUMN IF NOT EXISTS draining_why_code varchar(64), ADD COLUMN IF NOT EXISTS draining_why_params jsonb,
  ADD COLUMN IF NOT EXISTS dismissal_code varchar(64), ADD COLUMN IF NOT EXISTS dismissal_params jsonb;
ALTER TABLE service_rollouts ADD COLUMN IF NOT EXISTS cause_code varchar(64), ADD COLUMN IF NOT EXISTS cause_params jsonb;
ALTER TABLE scaling_checks ADD COLUMN IF NOT EXISTS sentence_code varchar(64), ADD COLUMN IF NOT EXISTS sentence_params jsonb;
ALTER TABLE gang_breaks ADD COLUMN IF NOT EXISTS sentence_code varchar(64), ADD COLUMN IF NOT EXISTS sentence_params jsonb;
ALTER TABLE alerts ADD COLUMN IF NOT EXISTS sentence_code varchar(64), ADD COLUMN IF NOT EXISTS sentence_params jsonb;
