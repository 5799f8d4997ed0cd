-- Who comes in and with what: keys of the API and what they open, sessions of browsers, keys of SSH, POSTs that are not done
-- twice, and members of workspaces, who come by invitation.

-- Who comes in and with what: keys of the API and what they open, keys of SSH, POSTs that are not done twice, and
-- members of workspaces, who come by invitation.
CREATE TABLE IF NOT EXISTS api_keys (
  id bigserial PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  name varchar(128),
  prefix varchar(16) NOT NULL,
  key_hash varchar(64) NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at timestamptz,
  -- A key opens all of its account where nobody requested less.
  role varchar(16) NOT NULL DEFAULT 'account',
  scopes text[] NOT NULL DEFAULT '{read,orders,money}',
  expires_at timestamptz,
  CONSTRAINT api_keys_rights_check CHECK (
    (role = 'account' AND scopes <> '{}' AND scopes <@ '{read,orders,money}') OR (role = 'metrics' AND scopes = '{}'))
);
CREATE INDEX IF NOT EXISTS idx_api_keys_customer ON api_keys (customer_id);

CREATE TABLE IF NOT EXISTS ssh_keys (
  id bigserial PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  name varchar(128) NOT NULL,
  public_key text NOT NULL,
  fingerprint varchar(128) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (customer_id, fingerprint)
);

CREATE TABLE IF NOT EXISTS idempotency_keys (
  api_key_id bigint NOT NULL REFERENCES api_keys,
  route varchar(256) NOT NULL,
  key varchar(255) NOT NULL,
  body_hash varchar(64) NOT NULL,
  state varchar(16) NOT NULL DEFAULT 'in_progress' CHECK (state IN ('in_progress', 'done')),
  response_status int,
  response_body jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (api_key_id, route, key)
);
CREATE INDEX IF NOT EXISTS idx_idempotency_keys_created_at ON idempotency_keys (created_at);

-- The request: an address as typed, which nobody need have. So the row reveals nothing of who has it, and is the same
-- in both cases; who is really invited is a row of workspace_members.
CREATE TABLE IF NOT EXISTS workspace_invitations (
  id varchar(64) PRIMARY KEY,
  workspace_id bigint NOT NULL REFERENCES workspaces,
  invited_by bigint NOT NULL REFERENCES customers,
  email varchar(128),
  username varchar(64),
  role varchar(32) NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  -- Hidden from those who invited: for them it is open until it expires, as one to an address that nobody has.
  declined_at timestamptz,
  -- Accepted, withdrawn or found expired. Kept for a day, since so many may be sent in one.
  ended_at timestamptz,
  CHECK (num_nonnulls(email, username) = 1)
);
CREATE INDEX IF NOT EXISTS idx_workspace_invitations_workspace ON workspace_invitations (workspace_id, id);
CREATE INDEX IF NOT EXISTS idx_workspace_invitations_invited_by ON workspace_invitations (invited_by, created_at);
CREATE UNIQUE INDEX IF NOT EXISTS workspace_invitations_one_for_email
  ON workspace_invitations (workspace_id, email) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS workspace_invitations_one_for_username
  ON workspace_invitations (workspace_id, username) WHERE ended_at IS NULL;

-- Sessions of browsers: each opens what its key opens, and ends with it. Of what is sent, its hash alone is here.
CREATE TABLE IF NOT EXISTS browser_sessions (
  id bigserial PRIMARY KEY,
  -- Hex SHA-256 of the cookie's value.
  token_hash varchar(64) NOT NULL UNIQUE,
  api_key_id bigint NOT NULL REFERENCES api_keys ON DELETE CASCADE,
  customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  -- When and from where a browser last used its session, and which browser it reported: by these its owner distinguishes them.
  last_used_at timestamptz,
  -- Not there where a server opened it that did not request them.
  last_address varchar(64),
  user_agent varchar(200),
  CONSTRAINT browser_sessions_end_later CHECK (expires_at > created_at)
);
CREATE INDEX IF NOT EXISTS idx_browser_sessions_key ON browser_sessions (api_key_id);
CREATE INDEX IF NOT EXISTS idx_browser_sessions_customer ON browser_sessions (customer_id, id);
CREATE INDEX IF NOT EXISTS idx_browser_sessions_expires ON browser_sessions (expires_at);

-- What a key makes so that a browser need not receive the key. A ticket that was used is gone.
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

-- Why sessions of browsers that were ended open nothing any more: their browsers still send the cookies.
CREATE TABLE IF NOT EXISTS ended_browser_sessions (
  -- Hex SHA-256 of the cookie's value.
  token_hash varchar(64) PRIMARY KEY,
  -- When it would have been over by itself: the browser keeps the cookie until then.
  expires_at timestamptz NOT NULL,
  why varchar(32) NOT NULL,
  CONSTRAINT ended_browser_sessions_why CHECK (why IN ('ended', 'crowded-out'))
);
CREATE INDEX IF NOT EXISTS idx_ended_browser_sessions_expires ON ended_browser_sessions (expires_at);

ALTER TABLE workspace_members
  -- Of a member that is `invited`: by which one, with whose end it ends. Null in rows of the old system, which stay open.
  ADD COLUMN IF NOT EXISTS invitation_id varchar(64),
  DROP CONSTRAINT IF EXISTS workspace_members_invitation_id_fkey,
  ADD CONSTRAINT workspace_members_invitation_id_fkey FOREIGN KEY (invitation_id) REFERENCES workspace_invitations;

ALTER TABLE workspaces
  -- How much GPU time this workspace is due beside the others that wait; set by administrators.
  ADD COLUMN IF NOT EXISTS share_weight int NOT NULL DEFAULT 1,
  DROP CONSTRAINT IF EXISTS workspaces_share_weight_check,
  ADD CONSTRAINT workspaces_share_weight_check CHECK (share_weight BETWEEN 1 AND 1000);

ALTER TABLE customers
  -- How much of the fleet this customer is due beside the others that wait; set by administrators.
  ADD COLUMN IF NOT EXISTS share_weight int NOT NULL DEFAULT 1,
  DROP CONSTRAINT IF EXISTS customers_share_weight_check,
  ADD CONSTRAINT customers_share_weight_check CHECK (share_weight BETWEEN 1 AND 1000);

CREATE INDEX IF NOT EXISTS idx_workspace_members_invitation ON workspace_members (invitation_id);
