-- Values of env_vars are sealed by the server, with a key that no database has: each is {"key": which, "sealed": what},
-- below its name as before. Plain texts stay allowed: the server seals those that it finds.

CREATE OR REPLACE FUNCTION env_vars_ok(vars jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF vars IS NULL OR vars = '{}' THEN
    RETURN true;
  ELSIF jsonb_typeof(vars) <> 'object' THEN
    RETURN false;
  END IF;
  RETURN (
    SELECT COALESCE(bool_and(name ~ '^[A-Za-z_][A-Za-z0-9_]*$' AND (jsonb_typeof(value) = 'string'
      OR jsonb_typeof(value) = 'object' AND jsonb_typeof(value -> 'key') = 'string'
        AND jsonb_typeof(value -> 'sealed') = 'string' AND value - '{key,sealed}'::text[] = '{}')), true) AND count(*) <= 64
    FROM jsonb_each(vars) AS variable (name, value)
  );
END $$;

-- To seal what is there is no change of it that anybody has to be told of.
CREATE OR REPLACE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('remotegpu.keeps_updated_at', true) IS DISTINCT FROM 'on' THEN
    NEW.updated_at = now();
  END IF;
  RETURN NEW;
END $$;

-- Whether the customer's part of spec's variables is sealed. Rows of before, and those of a server of an earlier version
-- beside this one, are not, until the server has sealed them.
ALTER TABLE placements
  ADD COLUMN IF NOT EXISTS env_is_sealed boolean NOT NULL DEFAULT false;

-- Secrets of webhooks are sealed likewise: the text names the key first. Those without one are plain still.
ALTER TABLE webhooks
  ALTER COLUMN secret TYPE varchar(512);
