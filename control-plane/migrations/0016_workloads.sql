-- All workloads in one form: what every kind has, and what follows from each kind's own columns by one name. Rows are locked
-- and written in their own tables. A column has the same type in all three, so that a condition reaches each table's index.
CREATE OR REPLACE VIEW workloads AS
SELECT 'environment'::text AS kind, id, customer_id, workspace_id, name, status, status_reason, status_deadline_at,
       created_at, updated_at, deleted_at,
       -- Nothing has begun yet since its places were given, so that all of it may wait again.
       status::text IN ('creating', 'restarting') AS is_starting,
       -- Its status follows from reports by the pass over workloads, and not with each report.
       false AS is_derived,
       -- Whatever happens, nothing of it begins again.
       false AS is_over
  FROM environments
UNION ALL
SELECT 'training'::text, id, customer_id, workspace_id, name, status, status_reason, status_deadline_at,
       created_at, updated_at, deleted_at,
       status = 'queued' AND placed_at IS NOT NULL,
       status::text IN ('running', 'stopping') OR status = 'queued' AND placed_at IS NOT NULL,
       status::text IN ('completed', 'failed', 'cancelled')
  FROM training_jobs
UNION ALL
-- A replica that is taken back leaves its service as it is, and replicas are checked by a loop of their own.
SELECT 'inference'::text, id, customer_id, workspace_id, name, status, status_reason, status_deadline_at,
       created_at, updated_at, deleted_at, false, false, false
  FROM inference_services;
