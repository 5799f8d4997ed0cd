-- What hosts tell by protocol 2 of what runs there: which image a container was made of, what that image brings, and what
-- it has used.

ALTER TABLE placements ADD COLUMN IF NOT EXISTS image_id varchar(80);
-- By words; null where its host could not look.
ALTER TABLE placements ADD COLUMN IF NOT EXISTS image_brings text[];

-- The latest of each instance. They come with heartbeats and change about once a minute: a key and no other index, with
-- room for the next version of a row on its own page.
CREATE TABLE IF NOT EXISTS instance_figures (
  instance_id varchar(64) PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE,
  run_id varchar(64) NOT NULL,
  -- Null where its host cannot tell.
  cpu_ms bigint CHECK (cpu_ms >= 0),
  network_in_bytes bigint CHECK (network_in_bytes >= 0),
  network_out_bytes bigint CHECK (network_out_bytes >= 0),
  -- Null where it never wrote a line.
  last_output_at timestamptz,
  told_at timestamptz NOT NULL
) WITH (fillfactor = 50);
