-- What hosts tell of leases beside their ports: whether somebody answers behind one, and which warning of its release is
-- due; and environments that are stopped once nobody uses them.

-- Null while nobody has looked.
ALTER TABLE lease_orders ADD COLUMN IF NOT EXISTS answers_seen boolean;
-- A sentence where nobody was seen.
ALTER TABLE lease_orders ADD COLUMN IF NOT EXISTS answers_detail varchar(200) NOT NULL DEFAULT '';
-- Null while none is due.
ALTER TABLE lease_orders ADD COLUMN IF NOT EXISTS release_warning varchar(8)
  CHECK (release_warning IN ('first', 'last'));

-- What is known of the idle time of each environment that is to stop by itself, so that a new leader goes on with it.
-- Rewritten about four times a minute: a key and no other index, with room for the next version on its own page.
CREATE TABLE IF NOT EXISTS idle_watches (
  env_id varchar(64) PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
  -- Of another run it says nothing.
  run_id varchar(64) NOT NULL,
  idle_since timestamptz NOT NULL,
  looked_at timestamptz NOT NULL,
  -- As its host told it last: what it has used of processors, and when that was told; null where it cannot tell.
  cpu_ms bigint CHECK (cpu_ms >= 0),
  cpu_told_at timestamptz,
  -- In this idle time.
  warned_at timestamptz
) WITH (fillfactor = 50);
