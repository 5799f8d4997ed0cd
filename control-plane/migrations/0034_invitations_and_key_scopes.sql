-- Members come by invitation, and keys open less than the whole account.

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
ALTER TABLE workspace_members ADD COLUMN IF NOT EXISTS invitation_id varchar(64);
ALTER TABLE workspace_members DROP CONSTRAINT IF EXISTS workspace_members_invitation_id_fkey;
ALTER TABLE workspace_members ADD CONSTRAINT workspace_members_invitation_id_fkey
  FOREIGN KEY (invitation_id) REFERENCES workspace_invitations;
CREATE INDEX IF NOT EXISTS idx_workspace_members_invitation ON workspace_members (invitation_id);

-- Keys that were there before open all that they did.
ALTER TABLE api_keys
  ADD COLUMN IF NOT EXISTS role varchar(16) NOT NULL DEFAULT 'account',
  ADD COLUMN IF NOT EXISTS scopes text[] NOT NULL DEFAULT '{read,orders,money}',
  ADD COLUMN IF NOT EXISTS expires_at timestamptz;
ALTER TABLE api_keys DROP CONSTRAINT IF EXISTS api_keys_rights_check;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_rights_check CHECK (
  (role = 'account' AND scopes <> '{}' AND scopes <@ '{read,orders,money}') OR (role = 'metrics' AND scopes = '{}'));
