-- How runs ended, as their hosts told it: one row for each ended run whose host tells so.
CREATE TABLE IF NOT EXISTS run_ends (
  run_id varchar(64) PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  told_at timestamptz NOT NULL DEFAULT now(),
  phase varchar(16) NOT NULL CHECK (phase IN ('stopped', 'failed')),
  problem varchar(64),
  -- A sentence.
  detail text,
  exit_code int,
  out_of_memory boolean NOT NULL DEFAULT false,
  -- "SIGKILL" and the like, where the exit code speaks of one.
  signal varchar(16),
  -- The last lines that it wrote; null where they could not be read. All of it is on the host, for days.
  tail text CHECK (octet_length(tail) <= 8192)
);
