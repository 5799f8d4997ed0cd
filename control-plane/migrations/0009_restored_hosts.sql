-- What a restored database owes its hosts: for whom it waits, and how far they were told to count.

-- Set when this host shows that the database is older than what it has seen; null again once its state is merged.
ALTER TABLE hosts ADD COLUMN IF NOT EXISTS restore_shown_at timestamptz;

-- The highest epoch that any host has told of; a new placement is beyond it. Above current_epoch only after a restore.
ALTER TABLE instances ADD COLUMN IF NOT EXISTS known_epoch int NOT NULL DEFAULT 0 CHECK (known_epoch >= 0);
