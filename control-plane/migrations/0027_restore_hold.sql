-- Since when a restored database waits for an administrator's word before it orders or charges anything, and the moment of
-- the backup that it came from. Null: it waits for nothing.
ALTER TABLE cluster_state ADD COLUMN IF NOT EXISTS restore_held_since timestamptz;
ALTER TABLE cluster_state ADD COLUMN IF NOT EXISTS restored_to timestamptz;
