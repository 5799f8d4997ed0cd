-- Data of customers who owe for long: how far they were warned, and what administrators ordered to be removed.

-- One row for a customer who is overdue for 30 days or more; it goes when the account is normal again.
CREATE TABLE IF NOT EXISTS data_risks (
  customer_id bigint PRIMARY KEY REFERENCES customers,
  -- The debt that it is about.
  overdue_since timestamptz NOT NULL,
  -- Days after which was told last; from 60 on the data is at risk.
  told_day int NOT NULL CHECK (told_day IN (30, 53, 59, 60)),
  told_at timestamptz NOT NULL
);

-- Folders that are to go from a storage pool. No host removes them by itself: rows are for the operator.
CREATE TABLE IF NOT EXISTS data_removals (
  id bigserial PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  ordered_at timestamptz NOT NULL,
  ordered_by varchar(160) NOT NULL,
  resource_type varchar(16) NOT NULL CHECK (resource_type IN ('environment', 'training', 'dataset', 'model')),
  resource_id varchar(64) NOT NULL,
  -- Null where it is not known: in whichever pool has the folder.
  storage_pool varchar(64),
  folder varchar(512) NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_data_removals_customer ON data_removals (customer_id, id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_removals_folder
  ON data_removals (customer_id, resource_type, resource_id, coalesce(storage_pool, ''), folder);
