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
  -- As whoever brings it says; the list agrees with it once it is ready.
  total_size bigint NOT NULL CHECK (total_size >= 0),
  file_count int NOT NULL CHECK (file_count >= 0),
  -- Goes up whenever an upload is begun anew: what is sent by an earlier one is refused from then on.
  epoch int NOT NULL DEFAULT 1 CHECK (epoch > 0),
  begun_by bigint NOT NULL REFERENCES customers,
  begun_at timestamptz NOT NULL,
  ready_at timestamptz,
  CONSTRAINT data_copies_are_of_one CHECK ((dataset_id IS NULL) <> (model_id IS NULL)),
  CONSTRAINT data_copies_are_ready_since CHECK ((status = 'ready') = (ready_at IS NOT NULL)),
  CONSTRAINT data_copies_err_for_a_reason CHECK (status <> 'error' OR status_reason IS NOT NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_copies_dataset ON data_copies (dataset_id, version, storage_pool);
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_copies_model ON data_copies (model_id, version, storage_pool);
-- One upload at a time.
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_copies_dataset_open ON data_copies (dataset_id) WHERE status <> 'ready';
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_copies_model_open ON data_copies (model_id) WHERE status <> 'ready';
CREATE INDEX IF NOT EXISTS idx_data_copies_pool ON data_copies (storage_pool);
CREATE INDEX IF NOT EXISTS idx_data_copies_begun_by ON data_copies (begun_by, begun_at);
