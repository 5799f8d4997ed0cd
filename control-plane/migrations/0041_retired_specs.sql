-- A spec can be retired: no new order may use it from then on. What runs, and what waits already, goes on at its prices,
-- which stay as they are; null while it is sold.
ALTER TABLE specs ADD COLUMN IF NOT EXISTS retired_at timestamptz;
