-- How far a boot's clock may have drifted from ours counts from when the two were compared, not from the boot.
ALTER TABLE host_boots ADD COLUMN IF NOT EXISTS measured_at timestamptz NOT NULL DEFAULT now();
