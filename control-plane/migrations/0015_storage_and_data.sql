-- What workspaces have in storage pools, hour by hour, what each day of it was charged, versions of datasets and models in
-- pools, and what becomes of the data of customers who owe for long.

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
  bytes bigint,
  -- What was claimed beyond what can lie there: it is set aside, and nobody is charged for it.
  excess_bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace_id, storage_pool, hour),
  FOREIGN KEY (storage_pool, hour) REFERENCES storage_hours (storage_pool, hour),
  CONSTRAINT storage_samples_say_something
    CHECK (excess_bytes >= 0 AND bytes >= 0 AND (bytes > 0 OR excess_bytes > 0))
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
  -- Days after which the last notification was sent; from 60 on the data is at risk.
  notified_day int NOT NULL CHECK (notified_day IN (30, 53, 59, 60)),
  notified_at timestamptz NOT NULL
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

-- Trees of datasets and models that their owners brought: one version of one in one storage pool, being filled or there.
CREATE TABLE IF NOT EXISTS data_copies (
  id bigserial PRIMARY KEY,
  dataset_id bigint REFERENCES datasets ON DELETE CASCADE,
  model_id bigint REFERENCES models ON DELETE CASCADE,
  version int NOT NULL CHECK (version > 0),
  storage_pool varchar(64) NOT NULL CHECK (storage_pool <> ''),
  -- Below the pool's root; what is mounted lies within it.
  folder varchar(500) NOT NULL CHECK (folder <> ''),
  status varchar(16) NOT NULL CHECK (status IN ('uploading', 'ready', 'error')),
  status_reason text,
  -- Hex SHA-256 of the list of its files. Two copies of one version have the same.
  manifest_sha256 char(64) NOT NULL CHECK (manifest_sha256 ~ '^[0-9a-f]{64}$'),
  -- As whoever brings it announces; the list agrees with it once it is ready.
  total_size bigint NOT NULL CHECK (total_size >= 0),
  file_count int NOT NULL CHECK (file_count >= 0),
  -- Goes up whenever an upload is begun anew: what is sent by an earlier one is refused from then on.
  epoch int NOT NULL DEFAULT 1 CHECK (epoch > 0),
  begun_by bigint NOT NULL REFERENCES customers,
  begun_at timestamptz NOT NULL,
  ready_at timestamptz,
  -- The most that was announced since this copy was begun: so much may lie there, whatever was announced last. Null of
  -- copies that were begun before; theirs is total_size.
  announced_size bigint,
  -- What a sealed version is by one number: the root of the Merkle tree of the parts of its files (shared, sealed-chunks.ts).
  -- While it is being brought it is the word of whoever brings it, where they give one. NULL once it is ready: it was sealed
  -- before there were trees, or by an agent that makes none, and what is read of it is not checked.
  merkle_root char(64)
    CONSTRAINT data_copies_merkle_root_check CHECK (merkle_root ~ '^[0-9a-f]{64}$'),
  -- Whether whoever brought it gave that root. Else the sums of parts in it are those that its host found, and a part of a
  -- long file that is read of it is not checked by any word of its owner.
  root_is_owners boolean NOT NULL DEFAULT false,
  status_reason_code varchar(64),
  status_reason_params jsonb,
  CONSTRAINT data_copies_are_of_one CHECK ((dataset_id IS NULL) <> (model_id IS NULL)),
  CONSTRAINT data_copies_are_ready_since CHECK ((status = 'ready') = (ready_at IS NOT NULL)),
  CONSTRAINT data_copies_err_for_a_reason CHECK (status <> 'error' OR status_reason IS NOT NULL),
  CONSTRAINT data_copies_announced_size_check CHECK (announced_size >= 0)
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_copies_dataset ON data_copies (dataset_id, version, storage_pool);
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_copies_model ON data_copies (model_id, version, storage_pool);
-- One upload at a time.
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_copies_dataset_open ON data_copies (dataset_id) WHERE status <> 'ready';
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_copies_model_open ON data_copies (model_id) WHERE status <> 'ready';
CREATE INDEX IF NOT EXISTS idx_data_copies_pool ON data_copies (storage_pool);
CREATE INDEX IF NOT EXISTS idx_data_copies_begun_by ON data_copies (begun_by, begun_at);

-- In which pools the folder lies that an administrator named for a dataset or model. What its owner brought is in
-- data_copies instead.
CREATE TABLE IF NOT EXISTS data_pools (
  dataset_id bigint REFERENCES datasets ON DELETE CASCADE,
  model_id bigint REFERENCES models ON DELETE CASCADE,
  storage_pool varchar(64) NOT NULL CHECK (storage_pool <> ''),
  CONSTRAINT data_pools_are_of_one CHECK ((dataset_id IS NULL) <> (model_id IS NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_pools_dataset ON data_pools (dataset_id, storage_pool);
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_pools_model ON data_pools (model_id, storage_pool);
CREATE INDEX IF NOT EXISTS idx_data_pools_pool ON data_pools (storage_pool);

-- What an administrator sets for a pool. Hosts report a disk, too, and nobody is charged by their word.
CREATE TABLE IF NOT EXISTS storage_pools (
  name varchar(64) PRIMARY KEY CHECK (name <> ''),
  disk_bytes bigint NOT NULL CHECK (disk_bytes > 0),
  set_at timestamptz NOT NULL,
  set_by varchar(160) NOT NULL
);

-- Bytes of sealed copies of each workspace at a full hour, counted with that hour's tick. A workspace without a row has
-- none then.
CREATE TABLE IF NOT EXISTS sealed_samples (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  hour timestamptz NOT NULL CHECK (mod(EXTRACT(epoch FROM hour), 3600) = 0),
  bytes bigint NOT NULL CHECK (bytes > 0),
  PRIMARY KEY (workspace_id, hour)
);
CREATE INDEX IF NOT EXISTS idx_sealed_samples_hour ON sealed_samples (hour);

-- The folders of a pool are requested by the pool, every hour.
CREATE INDEX IF NOT EXISTS idx_environments_storage_pool ON environments (storage_pool);

-- On each table with a reason of its status.
DO $$
DECLARE tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['environments', 'training_jobs', 'inference_services', 'hosts', 'data_copies'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS forget_reason_code ON %I', tab);
    EXECUTE format(
      'CREATE TRIGGER forget_reason_code BEFORE UPDATE OF status_reason ON %I FOR EACH ROW
         WHEN (NEW.status_reason_code IS NOT NULL AND NEW.status_reason IS DISTINCT FROM OLD.status_reason
           AND NEW.status_reason_code IS NOT DISTINCT FROM OLD.status_reason_code
           AND NEW.status_reason_params IS NOT DISTINCT FROM OLD.status_reason_params)
         EXECUTE FUNCTION forget_reason_code()', tab);
  END LOOP;
END $$;
