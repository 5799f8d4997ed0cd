-- Reasons of stops, of what hosts say of placements and of skipped places as data: a code and its parameters beside the text,
-- which stays as it is. Both are null where the reason came as a text; a code of another text counts for nothing.
ALTER TABLE placements ADD COLUMN IF NOT EXISTS detail_code varchar(64), ADD COLUMN IF NOT EXISTS detail_params jsonb,
  ADD COLUMN IF NOT EXISTS stop_reason_code varchar(64), ADD COLUMN IF NOT EXISTS stop_reason_params jsonb;
ALTER TABLE placement_skips ADD COLUMN IF NOT EXISTS reason_code varchar(64), ADD COLUMN IF NOT EXISTS reason_params jsonb;
ALTER TABLE placement_host_skips ADD COLUMN IF NOT EXISTS reason_code varchar(64), ADD COLUMN IF NOT EXISTS reason_params jsonb;
