-- How far the clocks of hosts are from ours, as they measure it.

ALTER TABLE hosts
  -- Positive: ahead of the control plane's; null while it is not known, and of agents that do not tell.
  ADD COLUMN IF NOT EXISTS clock_offset_ms bigint;
