-- Whether a start was the turn of what waited longest of its payer, and of its workspace, or came before that, beside what was
-- kept for others: then it takes nothing of its waiting. Without a word, as of placements of before, it was a turn.
ALTER TABLE placements
  ADD COLUMN IF NOT EXISTS is_payers_turn boolean,
  ADD COLUMN IF NOT EXISTS is_workspaces_turn boolean;

-- Of each hour the last start of either kind; without one null.
ALTER TABLE held_hours
  ADD COLUMN IF NOT EXISTS payers_turn_at timestamptz,
  ADD COLUMN IF NOT EXISTS workspaces_turn_at timestamptz;

UPDATE held_hours SET payers_turn_at = last_start_at, workspaces_turn_at = last_start_at
 WHERE last_start_at IS NOT NULL AND payers_turn_at IS NULL AND workspaces_turn_at IS NULL;
