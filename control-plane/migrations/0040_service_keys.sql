-- Inference services at gateways: keys of their own, and where they lie.

CREATE TABLE IF NOT EXISTS service_keys (
  id bigserial PRIMARY KEY,
  service_id varchar(64) NOT NULL REFERENCES inference_services ON DELETE CASCADE,
  -- The replica is told it.
  name varchar(128) NOT NULL CHECK (name <> ''),
  -- The key's first characters, to tell keys apart.
  prefix varchar(16) NOT NULL,
  -- Hex SHA-256; the key itself is nowhere.
  key_hash varchar(64) NOT NULL UNIQUE,
  customer_id bigint NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  CONSTRAINT service_keys_revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX IF NOT EXISTS idx_service_keys_service ON service_keys (service_id);
CREATE INDEX IF NOT EXISTS idx_service_keys_customer ON service_keys (customer_id);
-- Two that open something have two names, since a replica is told nothing else.
CREATE UNIQUE INDEX IF NOT EXISTS idx_service_keys_name ON service_keys (service_id, name) WHERE revoked_at IS NULL;

ALTER TABLE gateways
  -- The origin below whose paths services lie; null where this gateway has no web side.
  ADD COLUMN IF NOT EXISTS service_base varchar(512);
