-- Reasons of released ports as data: a code and its parameters beside the text, which stays as it is. Both are null where the
-- reason came as a text; a code of another text counts for nothing.
ALTER TABLE lease_orders ADD COLUMN IF NOT EXISTS release_reason_code varchar(64), ADD COLUMN IF NOT EXISTS release_reason_params jsonb;
-- The reason of each workload's status as data, in the form of the view `workloads`, whose columns are fixed.
CREATE OR REPLACE VIEW workload_reasons AS
SELECT 'environment'::text AS kind, id, status_reason, status_reason_code, status_reason_params FROM environments
UNION ALL
SELECT 'training'::text, id, status_reason, status_reason_code, status_reason_params FROM training_jobs
UNION ALL
SELECT 'inference'::text, id, status_reason, status_reason_code, status_reason_params FROM inference_services;
