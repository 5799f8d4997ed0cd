-- What came of the canary of each host: a container of its agent that tries what every container must be refused.

CREATE TABLE IF NOT EXISTS host_canaries (
  host_id varchar(64) PRIMARY KEY REFERENCES hosts ON DELETE CASCADE,
  -- On the host's own clock: tells one report from the next, and is nothing more.
  reported_ms bigint NOT NULL CHECK (reported_ms >= 0),
  outcome varchar(16) NOT NULL CHECK (outcome IN ('refused', 'succeeded', 'left-out', 'failed', 'off')),
  -- Why it was left out or failed.
  detail varchar(300),
  heard_at timestamptz NOT NULL,
  -- Of the last one that was tried to its end: what succeeded, each with a sentence, and what is unclear.
  tried_at timestamptz,
  succeeded jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(succeeded) = 'array'),
  unclear text[] NOT NULL DEFAULT '{}',
  -- So many in a row could not be tried.
  failures int NOT NULL DEFAULT 0 CHECK (failures >= 0)
);
