-- What fetching images needs: credentials of registries, and what each agent can do beyond the protocol's first form.

-- A workspace's, for its orders, or a customer's own, for what this customer orders. One for each registry: another one
-- takes its place under an id of its own, by which hosts tell apart what was fetched with which.
CREATE TABLE IF NOT EXISTS registry_credentials (
  id varchar(64) PRIMARY KEY,
  -- Whose it is, or who gave it to the workspace.
  customer_id bigint NOT NULL REFERENCES customers,
  workspace_id bigint REFERENCES workspaces,
  registry varchar(260) NOT NULL,
  username varchar(256) NOT NULL,
  -- The password under a key that follows from the fleet's identity; which key, so that another fleet's is known as such.
  sealed_password bytea NOT NULL,
  sealed_by varchar(64) NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS registry_credentials_of_customer
  ON registry_credentials (customer_id, registry) WHERE workspace_id IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS registry_credentials_of_workspace
  ON registry_credentials (workspace_id, registry);
CREATE INDEX IF NOT EXISTS idx_registry_credentials_customer ON registry_credentials (customer_id);

-- As the last heartbeat told that was new in this.
ALTER TABLE hosts ADD COLUMN IF NOT EXISTS features text[] NOT NULL DEFAULT '{}';
