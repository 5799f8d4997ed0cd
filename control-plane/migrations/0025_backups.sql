-- When the last backup that its command made was taken, for the metric of its age. Null before the first.
ALTER TABLE cluster_state ADD COLUMN IF NOT EXISTS backup_taken_at timestamptz;
