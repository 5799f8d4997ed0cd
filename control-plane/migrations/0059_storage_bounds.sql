-- What a storage pool is asked about, and how much of its answer is believed: where administrators' folders lie, how large
-- a pool's disk is by an administrator's word, what of a sample was set aside, and what sealed copies hold, hour by hour.

-- Only a table that is made here is filled: what administrators took out of it later stays out.
DO $$ BEGIN
  IF to_regclass('data_pools') IS NULL THEN
    -- In which pools the folder lies that an administrator named for a dataset or model. What its owner brought is in
    -- data_copies instead.
    CREATE TABLE data_pools (
      dataset_id bigint REFERENCES datasets ON DELETE CASCADE,
      model_id bigint REFERENCES models ON DELETE CASCADE,
      storage_pool varchar(64) NOT NULL CHECK (storage_pool <> ''),
      CONSTRAINT data_pools_are_of_one CHECK ((dataset_id IS NULL) <> (model_id IS NULL))
    );
    -- A pool in which a container of its own customer or workspace had it mounted has it. That another's had rests on what
    -- hosts say of orders that anybody may place there: administrators name those pools.
    INSERT INTO data_pools (dataset_id, model_id, storage_pool)
    SELECT DISTINCT d.id, m.id, coalesce(h.storage_pool, h.id)
      FROM placements p
      JOIN hosts h ON h.id = p.host_id AND h.deleted_at IS NULL
      JOIN instances i ON i.id = p.instance_id
      JOIN LATERAL (SELECT customer_id, workspace_id FROM environments
                     WHERE i.workload_kind = 'environment' AND id = i.workload_id
                    UNION ALL
                    SELECT customer_id, workspace_id FROM training_jobs
                     WHERE i.workload_kind = 'training' AND id = i.workload_id
                    UNION ALL
                    SELECT customer_id, workspace_id FROM inference_services
                     WHERE i.workload_kind = 'inference' AND id = i.workload_id) w ON true
     CROSS JOIN LATERAL jsonb_array_elements(
             CASE WHEN jsonb_typeof(p.spec->'mounts') = 'array' THEN p.spec->'mounts' ELSE '[]' END) mount
      LEFT JOIN datasets d ON mount->>'kind' = 'dataset' AND btrim(d.storage_path, '/') = mount->>'source'
      LEFT JOIN models m ON mount->>'kind' = 'model' AND btrim(m.storage_path, '/') = mount->>'source'
      LEFT JOIN runs r ON r.id = p.run_id
     WHERE (p.container_id IS NOT NULL OR p.image_id IS NOT NULL OR r.first_proven_at IS NOT NULL)
       AND (d.id IS NULL) <> (m.id IS NULL)
       AND (w.customer_id = coalesce(d.customer_id, m.customer_id)
            OR w.workspace_id = coalesce(d.workspace_id, m.workspace_id))
       AND NOT EXISTS (SELECT FROM data_copies c
                        WHERE c.dataset_id = d.id AND c.folder || '/files' = d.storage_path
                           OR c.model_id = m.id AND c.folder || '/files' = m.storage_path);
  END IF;
END $$;
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_pools_dataset ON data_pools (dataset_id, storage_pool);
CREATE UNIQUE INDEX IF NOT EXISTS idx_data_pools_model ON data_pools (model_id, storage_pool);
CREATE INDEX IF NOT EXISTS idx_data_pools_pool ON data_pools (storage_pool);

-- What an administrator says of a pool. Hosts tell a disk, too, and nobody is charged by their word.
CREATE TABLE IF NOT EXISTS storage_pools (
  name varchar(64) PRIMARY KEY CHECK (name <> ''),
  disk_bytes bigint NOT NULL CHECK (disk_bytes > 0),
  set_at timestamptz NOT NULL,
  set_by varchar(160) NOT NULL
);

ALTER TABLE storage_samples
  -- What was claimed beyond what can lie there: it is set aside, and nobody is charged for it.
  ADD COLUMN IF NOT EXISTS excess_bytes bigint NOT NULL DEFAULT 0,
  DROP CONSTRAINT IF EXISTS storage_samples_bytes_check,
  DROP CONSTRAINT IF EXISTS storage_samples_say_something,
  ADD CONSTRAINT storage_samples_say_something
    CHECK (excess_bytes >= 0 AND bytes >= 0 AND (bytes > 0 OR excess_bytes > 0));

ALTER TABLE data_copies
  -- The most that was announced since this copy was begun: so much may lie there, whatever was announced last. Null of
  -- copies that were begun before; theirs is total_size.
  ADD COLUMN IF NOT EXISTS announced_size bigint,
  DROP CONSTRAINT IF EXISTS data_copies_announced_size_check,
  ADD CONSTRAINT data_copies_announced_size_check CHECK (announced_size >= 0);

-- Bytes of sealed copies of each workspace at a full hour, counted with that hour's tick. A workspace without a row has
-- none then.
CREATE TABLE IF NOT EXISTS sealed_samples (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  hour timestamptz NOT NULL CHECK (mod(EXTRACT(epoch FROM hour), 3600) = 0),
  bytes bigint NOT NULL CHECK (bytes > 0),
  PRIMARY KEY (workspace_id, hour)
);
CREATE INDEX IF NOT EXISTS idx_sealed_samples_hour ON sealed_samples (hour);

-- The folders of a pool are asked for by the pool, every hour.
CREATE INDEX IF NOT EXISTS idx_environments_storage_pool ON environments (storage_pool);
