-- Reasons of failed proofs of storage pools, of cordons that hosts set on their GPUs and of refused requests as data: a code and
-- its parameters beside the text. Both are null where the reason came as a text. An audit entry has a code for the problem, and
-- parameters without what a request had brought.
ALTER TABLE hosts ADD COLUMN IF NOT EXISTS pool_failure_code varchar(64), ADD COLUMN IF NOT EXISTS pool_failure_params jsonb;
ALTER TABLE gpus ADD COLUMN IF NOT EXISTS cordon_reason_code varchar(64), ADD COLUMN IF NOT EXISTS cordon_reason_params jsonb;
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS reason_code varchar(64), ADD COLUMN IF NOT EXISTS reason_params jsonb;
