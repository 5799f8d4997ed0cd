-- Most environments mount nothing and have no variables of their own: what is empty is sound without looking further.
CREATE OR REPLACE FUNCTION mounts_at_paths_ok(mounts jsonb, path_pattern text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF mounts IS NULL OR mounts = '[]' THEN
    RETURN true;
  ELSIF jsonb_typeof(mounts) <> 'array' THEN
    RETURN false;
  ELSIF jsonb_array_length(mounts) > 3 THEN
    RETURN false;
  END IF;
  RETURN (
    SELECT COALESCE(bool_and(
        jsonb_typeof(mount) = 'object'
        AND COALESCE(jsonb_typeof(mount -> 'id') = 'number' AND mount ->> 'id' ~ '^[1-9][0-9]{0,18}$', false)
        AND COALESCE(jsonb_typeof(mount -> 'path') = 'string' AND mount ->> 'path' ~ path_pattern, false)
        AND COALESCE(mount -> 'readonly' = 'true'::jsonb, false)
        AND (SELECT count(*) FROM jsonb_object_keys(CASE jsonb_typeof(mount) WHEN 'object' THEN mount ELSE '{}' END)) = 3
      ), true)
      AND count(*) = count(DISTINCT mount -> 'id') AND count(*) = count(DISTINCT mount -> 'path')
    FROM jsonb_array_elements(mounts) AS element (mount)
  );
END $$;

CREATE OR REPLACE FUNCTION env_vars_ok(vars jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF vars IS NULL OR vars = '{}' THEN
    RETURN true;
  ELSIF jsonb_typeof(vars) <> 'object' THEN
    RETURN false;
  END IF;
  RETURN (
    SELECT COALESCE(bool_and(name ~ '^[A-Za-z_][A-Za-z0-9_]*$' AND jsonb_typeof(value) = 'string'), true) AND count(*) <= 64
    FROM jsonb_each(vars) AS variable (name, value)
  );
END $$;
