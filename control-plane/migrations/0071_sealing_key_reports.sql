-- Which sealing keys each server has read from its operator.json: an old key is taken away only once nobody needs it.

CREATE TABLE IF NOT EXISTS sealing_key_reports (
  -- Of this life of the process, as the leader's row names it: machines made from one image have one name.
  holder varchar(64) PRIMARY KEY,
  -- The machine and the file, as people know them.
  server varchar(256) NOT NULL CHECK (server <> ''),
  -- When this process reported first: what others of its name reported last before that is taken over after a while.
  began_at timestamptz NOT NULL,
  seals_with varchar(64) NOT NULL,
  -- Those that open, the one that seals among them: names, which say nothing of the keys.
  key_names text[] NOT NULL CHECK (cardinality(key_names) BETWEEN 1 AND 64),
  reported_at timestamptz NOT NULL
);
