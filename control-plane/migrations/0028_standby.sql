-- Whether what is acknowledged, an order or money, must be with a standby first; an audited command changes it.
ALTER TABLE cluster_state ADD COLUMN IF NOT EXISTS standby_required boolean NOT NULL DEFAULT false;
