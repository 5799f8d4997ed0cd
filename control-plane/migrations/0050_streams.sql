-- Streams look each second for workloads that were written in the last ones, however many there are.

CREATE INDEX IF NOT EXISTS idx_environments_updated_at ON environments (updated_at);
CREATE INDEX IF NOT EXISTS idx_training_jobs_updated_at ON training_jobs (updated_at);
CREATE INDEX IF NOT EXISTS idx_inference_services_updated_at ON inference_services (updated_at);
