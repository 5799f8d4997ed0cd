-- Who may log in by the operator's identity provider: identities of that provider, each linked to an account, and links that
-- invite somebody to link theirs. What such a login makes is a key of the account, which ends with the identity.
CREATE TABLE IF NOT EXISTS customer_identities (
  id bigserial PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  -- As the provider's tokens name them. Nothing else, no e-mail address, finds an account.
  issuer varchar(512) NOT NULL,
  subject varchar(255) NOT NULL,
  created_at timestamptz NOT NULL,
  last_login_at timestamptz,
  -- From then on it opens nothing; the same identity may be linked again, in another row.
  unlinked_at timestamptz,
  -- The key that sessions of browsers stand on. Nobody knows the key itself.
  session_key_id bigint REFERENCES api_keys
);
CREATE UNIQUE INDEX IF NOT EXISTS customer_identities_one_account
  ON customer_identities (issuer, subject) WHERE unlinked_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_customer_identities_customer ON customer_identities (customer_id, id);
CREATE INDEX IF NOT EXISTS idx_customer_identities_session_key ON customer_identities (session_key_id);

-- A link that links whoever logs in with it to an account, once.
CREATE TABLE IF NOT EXISTS identity_invitations (
  id bigserial PRIMARY KEY,
  -- Hex SHA-256 of what the link carries.
  token_hash varchar(64) NOT NULL UNIQUE,
  customer_id bigint NOT NULL REFERENCES customers,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT identity_invitations_end_later CHECK (expires_at > created_at)
);
CREATE INDEX IF NOT EXISTS idx_identity_invitations_customer ON identity_invitations (customer_id);

-- By which identity's login a key was made; null: by none.
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS identity_id bigint;
-- What the login's claims say of its rights in place of the account's type: 'admin' or 'customer'. Null: the account's type holds.
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS login_role varchar(16);
CREATE INDEX IF NOT EXISTS idx_api_keys_identity ON api_keys (identity_id) WHERE identity_id IS NOT NULL;
