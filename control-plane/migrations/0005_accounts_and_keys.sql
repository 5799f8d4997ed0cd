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
  -- A key opens all of its account where nobody asked for less.
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

-- What was asked: an address as typed, which nobody need have. So the row says nothing of who has it, and is the same
-- either way; who is really invited is a row of workspace_members.
CREATE TABLE IF NOT EXISTS workspace_invitations (
  id varchar(64) PRIMARY KEY,
  workspace_id bigint NOT NULL REFERENCES workspaces,
  invited_by bigint NOT NULL REFERENCES customers,
  email varchar(128),
  username varchar(64),
  role varchar(32) NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  -- Not told to those who invited: for them it is open until it expires, as one to an address that nobody has.
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

-- Of a member that is `invited`: by which one, with whose end it ends. Null in rows of the old system, which stay open.
ALTER TABLE workspace_members
  ADD COLUMN IF NOT EXISTS invitation_id varchar(64),
  DROP CONSTRAINT IF EXISTS workspace_members_invitation_id_fkey,
  ADD CONSTRAINT workspace_members_invitation_id_fkey FOREIGN KEY (invitation_id) REFERENCES workspace_invitations;
CREATE INDEX IF NOT EXISTS idx_workspace_members_invitation ON workspace_members (invitation_id);
