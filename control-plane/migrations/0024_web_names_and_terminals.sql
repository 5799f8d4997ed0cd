-- The name by which an origin names an environment whose id cannot stand in one. Whoever comes to such an origin asks for
-- it before anybody knows who that is, so it is found by an index. In SQL alone it would not count as unchangeable, since
-- how a database writes text could change; ours is UTF-8.
CREATE OR REPLACE FUNCTION web_name_of(environment_id text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN left(encode(sha256(convert_to(environment_id, 'UTF8')), 'hex'), 20);
END $$;
CREATE INDEX IF NOT EXISTS idx_environments_web_name ON environments (web_name_of(id));

-- Terminals in the browser stand among sessions: the word of the gateway that serves them, which came by no lease, with who
-- that was by its own knowledge.
ALTER TABLE access_sessions ADD COLUMN IF NOT EXISTS gateway_id varchar(64);
ALTER TABLE access_sessions ALTER COLUMN lease_id DROP NOT NULL;
ALTER TABLE access_sessions DROP CONSTRAINT IF EXISTS access_sessions_service_type_check;
ALTER TABLE access_sessions ADD CONSTRAINT access_sessions_service_type_check
  CHECK (service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom', 'terminal'));
ALTER TABLE access_sessions DROP CONSTRAINT IF EXISTS access_sessions_login_method_check;
ALTER TABLE access_sessions ADD CONSTRAINT access_sessions_login_method_check
  CHECK (login_method IN ('publickey', 'password', 'other', 'browser'));
ALTER TABLE access_sessions DROP CONSTRAINT IF EXISTS access_sessions_by_lease_or_gateway;
ALTER TABLE access_sessions ADD CONSTRAINT access_sessions_by_lease_or_gateway
  CHECK ((lease_id IS NULL) = (gateway_id IS NOT NULL) AND (service_type = 'terminal') = (gateway_id IS NOT NULL));
CREATE INDEX IF NOT EXISTS idx_access_sessions_gateway ON access_sessions (gateway_id)
  WHERE ended_at IS NULL AND gateway_id IS NOT NULL;
