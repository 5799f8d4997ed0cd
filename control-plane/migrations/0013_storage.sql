-- What workspaces keep in storage pools, hour by hour, what each day of it was charged, and what becomes of the data of
-- customers who owe for long.

-- One row per pool and full hour: who samples it. It counts once finished_at is set; a workspace that then has no row
-- in storage_samples has nothing on that pool in that hour.
CREATE TABLE IF NOT EXISTS storage_hours (
  storage_pool varchar(64) NOT NULL,
  hour timestamptz NOT NULL CHECK (mod(EXTRACT(epoch FROM hour), 3600) = 0),
  host_id varchar(64) NOT NULL REFERENCES hosts,
  claimed_at timestamptz NOT NULL,
  finished_at timestamptz,
  PRIMARY KEY (storage_pool, hour)
);
CREATE INDEX IF NOT EXISTS idx_storage_hours_host ON storage_hours (host_id);

-- bytes is null where the workspace's folders could not be measured: then this hour has no sample of it.
CREATE TABLE IF NOT EXISTS storage_samples (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  storage_pool varchar(64) NOT NULL,
  hour timestamptz NOT NULL,
  bytes bigint CHECK (bytes > 0),
  PRIMARY KEY (workspace_id, storage_pool, hour),
  FOREIGN KEY (storage_pool, hour) REFERENCES storage_hours (storage_pool, hour)
);
CREATE INDEX IF NOT EXISTS idx_storage_samples_pool_hour ON storage_samples (storage_pool, hour);
CREATE INDEX IF NOT EXISTS idx_storage_samples_hour ON storage_samples (hour);

-- A day that is in here is charged for good, whatever comes later. Without a price at that time it stays uncharged.
CREATE TABLE IF NOT EXISTS storage_days (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  day date NOT NULL,
  -- Who paid: the owner of the workspace at the midnight that ended the day.
  customer_id bigint NOT NULL REFERENCES customers,
  samples int NOT NULL CHECK (samples > 0),
  average_gb numeric(20,6) NOT NULL CHECK (average_gb >= 0),
  billable_gb numeric(20,6) NOT NULL CHECK (billable_gb >= 0),
  -- Per GB and day.
  unit_price numeric(18,6) CHECK (unit_price >= 0),
  amount numeric(20,4) NOT NULL CHECK (amount >= 0),
  transaction_id bigint REFERENCES ledger_transactions,
  charged_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, day),
  CONSTRAINT storage_days_amount_is_posted CHECK ((amount > 0) = (transaction_id IS NOT NULL)),
  CONSTRAINT storage_days_unrated_is_free CHECK (unit_price IS NOT NULL OR amount = 0)
);
CREATE INDEX IF NOT EXISTS idx_storage_days_customer ON storage_days (customer_id);
CREATE INDEX IF NOT EXISTS idx_storage_days_transaction ON storage_days (transaction_id);

-- How far they were warned: one row for a customer who is overdue for 30 days or more; it goes when the account is normal
-- again.
CREATE TABLE IF NOT EXISTS data_risks (
  customer_id bigint PRIMARY KEY REFERENCES customers,
  -- The debt that it is about.
  overdue_since timestamptz NOT NULL,
  -- Days after which was told last; from 60 on the data is at risk.
  told_day int NOT NULL CHECK (told_day IN (30, 53, 59, 60)),
  told_at timestamptz NOT NULL
);

-- Folders that administrators ordered to go from a storage pool. No host removes them by itself: rows are for the
-- operator.
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
