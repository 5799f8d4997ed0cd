-- Why sessions of browsers that were ended open nothing any more: their browsers still send the cookies, and are told.

CREATE TABLE IF NOT EXISTS ended_browser_sessions (
  -- Hex SHA-256 of the cookie's value.
  token_hash varchar(64) PRIMARY KEY,
  -- When it would have been over by itself: the browser keeps the cookie until then.
  expires_at timestamptz NOT NULL,
  why varchar(32) NOT NULL,
  CONSTRAINT ended_browser_sessions_why CHECK (why IN ('ended', 'crowded-out'))
);
CREATE INDEX IF NOT EXISTS idx_ended_browser_sessions_expires ON ended_browser_sessions (expires_at);
