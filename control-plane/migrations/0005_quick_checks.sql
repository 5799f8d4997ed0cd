-- The CHECKs' functions as 0002 makes them today, for databases that got its former text.
CREATE OR REPLACE FUNCTION mounts_at_paths_ok(mounts jsonb, path_pattern text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF mounts IS NULL THEN
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

-- An id of 0 comes from the old system, which wrote it for "none" here and there.
CREATE OR REPLACE FUNCTION mounted_ids_ok(ids jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF ids IS NULL THEN
    RETURN true;
  ELSIF jsonb_typeof(ids) <> 'array' THEN
    RETURN false;
  ELSIF jsonb_array_length(ids) > 3 THEN
    RETURN false;
  END IF;
  FOR place IN 0 .. jsonb_array_length(ids) - 1 LOOP
    IF jsonb_typeof(ids -> place) <> 'number' OR (ids -> place)::text !~ '^(0|[1-9][0-9]{0,18})$' THEN
      RETURN false;
    END IF;
    FOR earlier IN 0 .. place - 1 LOOP
      IF ids -> place = ids -> earlier THEN
        RETURN false;
      END IF;
    END LOOP;
  END LOOP;
  RETURN true;
END $$;

CREATE OR REPLACE FUNCTION env_vars_ok(vars jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF vars IS NULL THEN
    RETURN true;
  ELSIF jsonb_typeof(vars) <> 'object' THEN
    RETURN false;
  END IF;
  RETURN (
    SELECT COALESCE(bool_and(name ~ '^[A-Za-z_][A-Za-z0-9_]*$' AND jsonb_typeof(value) = 'string'), true) AND count(*) <= 64
    FROM jsonb_each(vars) AS variable (name, value)
  );
END $$;
