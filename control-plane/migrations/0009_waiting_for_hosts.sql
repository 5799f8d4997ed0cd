-- What the control plane waits for: hosts after a restore of the database, and their answers to its orders.

-- Set when this host shows that the database is older than what it has seen; null again once its state is merged.
ALTER TABLE hosts ADD COLUMN IF NOT EXISTS restore_shown_at timestamptz;

-- The highest epoch that any host has told of; a new placement is beyond it. Above current_epoch only after a restore.
ALTER TABLE instances ADD COLUMN IF NOT EXISTS known_epoch int NOT NULL DEFAULT 0 CHECK (known_epoch >= 0);

-- What a placement waits for, since when deadline_at is counted; null where it may stay as it is (core/placement-wait.ts).
ALTER TABLE placements ADD COLUMN IF NOT EXISTS waits_for varchar(16) CHECK (waits_for IN ('start', 'stop', 'removal'));
