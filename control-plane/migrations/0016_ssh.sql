-- Passwords that open environments by SSH: generated, shown once, and kept as crypt(3) writes them. Most environments
-- have none.
CREATE TABLE IF NOT EXISTS ssh_passwords (
  env_id varchar(64) PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
  hash varchar(256) NOT NULL CHECK (hash LIKE '$6$%'),
  set_by varchar(160) NOT NULL,
  set_at timestamptz NOT NULL
);
