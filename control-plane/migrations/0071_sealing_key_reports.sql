-- Which sealing keys each server has read from its operator.json: an old key is taken away only once nobody needs it.

CREATE TABLE IF NOT EXISTS sealing_key_reports (
  -- The machine and the file, so that a server that is started anew says it again in the same row.
  server varchar(256) PRIMARY KEY CHECK (server <> ''),
  -- Of this life of the process, as the leader's row names it.
  holder varchar(64) NOT NULL,
  seals_with varchar(64) NOT NULL,
  -- Those that open, the one that seals among them: names, which say nothing of the keys.
  key_names text[] NOT NULL CHECK (cardinality(key_names) BETWEEN 1 AND 64),
  reported_at timestamptz NOT NULL
);
