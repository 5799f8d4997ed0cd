-- Reasons of events and alarms as data: a code and its parameters beside the text, which stays as it is. Both are null where
-- the reason came as a text, as people and hosts write it, and older versions.
ALTER TABLE events ADD COLUMN IF NOT EXISTS reason_code varchar(64), ADD COLUMN IF NOT EXISTS reason_params jsonb;
ALTER TABLE alarms ADD COLUMN IF NOT EXISTS reason_code varchar(64), ADD COLUMN IF NOT EXISTS reason_params jsonb;
