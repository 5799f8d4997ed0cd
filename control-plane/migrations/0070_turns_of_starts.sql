-- Whether a start was the turn of what waited longest of its payer, and of its workspace, or came before that, beside what was
-- kept for others: then it takes nothing of its waiting. Without a word, as of placements of before, it was a turn.
ALTER TABLE placements
  ADD COLUMN IF NOT EXISTS is_payers_turn boolean,
  ADD COLUMN IF NOT EXISTS is_workspaces_turn boolean;

-- Of each hour the last start of either kind, '-infinity' where it had starts and none was one. Without a word, as a server
-- of before writes it, its last start was both.
ALTER TABLE held_hours
  ADD COLUMN IF NOT EXISTS payers_turn_at timestamptz,
  ADD COLUMN IF NOT EXISTS workspaces_turn_at timestamptz;
