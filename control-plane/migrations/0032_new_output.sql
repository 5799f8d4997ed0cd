-- Whether an ended run left a file in its output that no earlier attempt had: the tries of its job are counted anew then.

ALTER TABLE run_ends ADD COLUMN IF NOT EXISTS new_output boolean NOT NULL DEFAULT false;
