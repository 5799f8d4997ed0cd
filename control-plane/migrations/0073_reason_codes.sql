-- Reasons of statuses as data: a code and its parameters beside the text, which stays as it is. Both are null where the
-- reason came as a text.
ALTER TABLE environments ADD COLUMN IF NOT EXISTS status_reason_code varchar(64), ADD COLUMN IF NOT EXISTS status_reason_params jsonb;
ALTER TABLE training_jobs ADD COLUMN IF NOT EXISTS status_reason_code varchar(64), ADD COLUMN IF NOT EXISTS status_reason_params jsonb;
ALTER TABLE inference_services ADD COLUMN IF NOT EXISTS status_reason_code varchar(64), ADD COLUMN IF NOT EXISTS status_reason_params jsonb;
ALTER TABLE hosts ADD COLUMN IF NOT EXISTS status_reason_code varchar(64), ADD COLUMN IF NOT EXISTS status_reason_params jsonb;
ALTER TABLE data_copies ADD COLUMN IF NOT EXISTS status_reason_code varchar(64), ADD COLUMN IF NOT EXISTS status_reason_params jsonb;

-- Whoever writes another text alone, as a process of the version before, leaves no code of the text before.
CREATE OR REPLACE FUNCTION forget_reason_code() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.status_reason_code := NULL;
  NEW.status_reason_params := NULL;
  RETURN NEW;
END $$;

DO $$
DECLARE tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['environments', 'training_jobs', 'inference_services', 'hosts', 'data_copies'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS forget_reason_code ON %I', tab);
    EXECUTE format(
      'CREATE TRIGGER forget_reason_code BEFORE UPDATE OF status_reason ON %I FOR EACH ROW
         WHEN (NEW.status_reason_code IS NOT NULL AND NEW.status_reason IS DISTINCT FROM OLD.status_reason
           AND NEW.status_reason_code IS NOT DISTINCT FROM OLD.status_reason_code
           AND NEW.status_reason_params IS NOT DISTINCT FROM OLD.status_reason_params)
         EXECUTE FUNCTION forget_reason_code()', tab);
  END LOOP;
END $$;
