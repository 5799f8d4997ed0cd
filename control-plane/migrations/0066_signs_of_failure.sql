-- Hosts tell by a stable name why a card is closed, and whether a sign of failure is open on it: what it read well last was
-- before that, and an outage that is confirmed later reaches back to it.

ALTER TABLE gpu_health
  ADD COLUMN IF NOT EXISTS reason_code varchar(48),
  ADD COLUMN IF NOT EXISTS has_sign boolean NOT NULL DEFAULT false;

ALTER TABLE gpu_outages
  ADD COLUMN IF NOT EXISTS fault_code varchar(48);

-- The broken rank ended on a card that had failed or showed a sign of failure: its proven time ends where the card was good.
ALTER TABLE gang_breaks
  ADD COLUMN IF NOT EXISTS has_card_fault boolean NOT NULL DEFAULT false;

-- When the workloads on a card heard of a fault last, by how grave it is.
CREATE TABLE IF NOT EXISTS gpu_fault_events (
  gpu_uuid varchar(128) NOT NULL REFERENCES gpus (uuid) ON DELETE CASCADE,
  gravity varchar(8) NOT NULL CHECK (gravity IN ('drain', 'sign', 'fatal')),
  reported_at timestamptz NOT NULL,
  PRIMARY KEY (gpu_uuid, gravity)
);
