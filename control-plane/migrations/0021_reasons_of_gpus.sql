-- Reasons of the health of GPUs, as hosts report them, as data: beside the texts, and in their order, a code with its parameters
-- each, null for one that came as a text. The column is null where all came as texts, as from agents of before.
ALTER TABLE gpu_health ADD COLUMN IF NOT EXISTS reason_data jsonb;
