-- A single price line of a spec can be retired: nothing new starts at it from then on. What runs goes on at its prices,
-- which stay as they are.
ALTER TABLE specs ADD COLUMN IF NOT EXISTS retired_lines text[] NOT NULL DEFAULT '{}';
