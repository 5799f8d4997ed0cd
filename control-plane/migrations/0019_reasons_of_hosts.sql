-- Reasons that hosts report, as data: a code and its parameters beside the text, which stays as it is. Both are null where the
-- reason came as a text, as from agents of before.
ALTER TABLE run_ends ADD COLUMN IF NOT EXISTS detail_code varchar(64), ADD COLUMN IF NOT EXISTS detail_params jsonb;
ALTER TABLE host_canaries ADD COLUMN IF NOT EXISTS detail_code varchar(64), ADD COLUMN IF NOT EXISTS detail_params jsonb;
ALTER TABLE run_gpu_faults ADD COLUMN IF NOT EXISTS reason_code varchar(64), ADD COLUMN IF NOT EXISTS reason_params jsonb;
