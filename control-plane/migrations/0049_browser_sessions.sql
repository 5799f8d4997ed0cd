-- Sessions of browsers: each opens what its key opens, and ends with it. Of what is sent, its hash alone is here.

CREATE TABLE IF NOT EXISTS browser_sessions (
  id bigserial PRIMARY KEY,
  -- Hex SHA-256 of the cookie's value.
  token_hash varchar(64) NOT NULL UNIQUE,
  api_key_id bigint NOT NULL REFERENCES api_keys ON DELETE CASCADE,
  customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT browser_sessions_end_later CHECK (expires_at > created_at)
);
CREATE INDEX IF NOT EXISTS idx_browser_sessions_key ON browser_sessions (api_key_id);
CREATE INDEX IF NOT EXISTS idx_browser_sessions_customer ON browser_sessions (customer_id, id);
CREATE INDEX IF NOT EXISTS idx_browser_sessions_expires ON browser_sessions (expires_at);

-- What a key makes so that a browser need not be told the key. A ticket that was used is gone.
CREATE TABLE IF NOT EXISTS session_tickets (
  -- Hex SHA-256 of the ticket.
  token_hash varchar(64) PRIMARY KEY,
  api_key_id bigint NOT NULL REFERENCES api_keys ON DELETE CASCADE,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT session_tickets_end_later CHECK (expires_at > made_at)
);
CREATE INDEX IF NOT EXISTS idx_session_tickets_key ON session_tickets (api_key_id);
CREATE INDEX IF NOT EXISTS idx_session_tickets_expires ON session_tickets (expires_at);
