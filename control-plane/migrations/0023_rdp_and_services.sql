-- Passwords that open runs of environments by RDP: generated for one run, shown once, and kept as crypt(3) writes them.
-- Of another run than the one that is there, a row opens nothing.
CREATE TABLE IF NOT EXISTS rdp_passwords (
  env_id varchar(64) PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
  run_id varchar(64) NOT NULL,
  hash varchar(256) NOT NULL CHECK (hash LIKE '$6$%'),
  set_by varchar(160) NOT NULL,
  set_at timestamptz NOT NULL
);

-- Whether the services that a gateway carries answer in the container, as its host tells it: an object with the service's
-- name, which has isSeen and a sentence. Null while it was not told, and of agents that do not tell it.
ALTER TABLE placements ADD COLUMN IF NOT EXISTS services jsonb CHECK (jsonb_typeof(services) = 'object');
