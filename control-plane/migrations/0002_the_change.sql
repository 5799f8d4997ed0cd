-- The change: from the old tables to the new ones. The 48 new columns and their indexes keep the names and defaults of
-- the change summary to the letter; README.md lists our own additions apart. Works on old tables and on those of 0001.
-- Foreign keys and CHECKs on old columns are NOT VALID, so that rows of the old system may stay as they are.

-- 1. Names. A database of the old system may have named its constraints and triggers differently.
DO $$
DECLARE
  old_tables CONSTANT text[] := ARRAY['customers', 'workspaces', 'workspace_members', 'resource_quotas', 'hosts', 'gpus',
    'environments', 'port_mappings', 'training_jobs', 'inference_services', 'billing_records', 'invoices', 'datasets',
    'dataset_versions', 'models', 'model_versions', 'images'];
  found record;
BEGIN
  -- Every trigger that keeps updated_at is replaced by ours; its function goes once nothing uses it.
  FOR found IN
    SELECT t.tgrelid::regclass AS tab, t.tgname AS name
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (old_tables)
      AND p.prosrc ~ 'updated_at'
  LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', found.name, found.tab);
  END LOOP;
  FOR found IN
    SELECT p.oid::regprocedure AS name FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.prorettype = 'trigger'::regtype
      AND p.prosrc ~ 'updated_at' AND p.proname <> 'set_updated_at'
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid)
  LOOP
    EXECUTE format('DROP FUNCTION %s', found.name);
  END LOOP;

  -- Foreign keys and CHECKs are replaced by ours below.
  FOR found IN
    SELECT k.conrelid::regclass AS tab, k.conname AS name
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype IN ('f', 'c') AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (old_tables)
  LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.tab, found.name);
  END LOOP;

  -- The global unique on external_port, whether a constraint or a bare index: with it a released port is lost for good.
  FOR found IN
    SELECT i.indexrelid::regclass AS name, k.conname AS constraint_name
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype = 'u'
    WHERE i.indrelid = 'port_mappings'::regclass AND i.indisunique AND i.indnkeyatts = 1 AND a.attname = 'external_port'
  LOOP
    IF found.constraint_name IS NULL THEN
      EXECUTE format('DROP INDEX %s', found.name);
    ELSE
      EXECUTE format('ALTER TABLE port_mappings DROP CONSTRAINT %I', found.constraint_name);
    END IF;
  END LOOP;

  -- Keys get the names Postgres would give them.
  FOR found IN
    SELECT k.conrelid::regclass AS tab, k.conname AS name,
      CASE k.contype WHEN 'p' THEN c.relname || '_pkey' ELSE c.relname || '_' || cols.names || '_key' END AS wanted
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
      CROSS JOIN LATERAL (
        SELECT string_agg(a.attname, '_' ORDER BY n.position) AS names
        FROM unnest(k.conkey) WITH ORDINALITY AS n (attnum, position)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.attnum
      ) cols
    WHERE k.contype IN ('p', 'u') AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (old_tables)
  LOOP
    IF found.name <> found.wanted THEN
      EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', found.tab, found.name, found.wanted);
    END IF;
  END LOOP;

  -- 2. Types. Every TIMESTAMP becomes timestamptz; old values are UTC. One rewrite per table.
  FOR found IN
    SELECT a.attrelid::regclass AS tab,
      string_agg(format('ALTER COLUMN %1$I DROP DEFAULT, ALTER COLUMN %1$I TYPE timestamptz USING %1$I AT TIME ZONE ''UTC''',
        a.attname) || CASE WHEN a.atthasdef THEN format(', ALTER COLUMN %I SET DEFAULT now()', a.attname) ELSE '' END, ', ') AS actions
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (old_tables) AND c.relkind = 'r'
      AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'timestamp'::regtype
    GROUP BY a.attrelid
  LOOP
    EXECUTE format('ALTER TABLE %s %s', found.tab, found.actions);
  END LOOP;
END $$;

-- Money: DECIMAL(10,4) stores the price 0.003333 as 0.0033 and overflows at a million. A FLOAT goes through text, so
-- that every old value comes back exactly.
ALTER TABLE billing_records
  ALTER COLUMN quantity TYPE numeric USING quantity::text::numeric,
  ALTER COLUMN unit_price TYPE numeric(18,6),
  ALTER COLUMN amount TYPE numeric(20,4);
ALTER TABLE invoices ALTER COLUMN total_amount TYPE numeric(20,4);

-- 3. Columns. First of each table the ones of the change summary, then our own.
ALTER TABLE environments
  ADD COLUMN IF NOT EXISTS gpu_memory BIGINT,
  ADD COLUMN IF NOT EXISTS temp_storage BIGINT,
  ADD COLUMN IF NOT EXISTS ssh_enabled BOOLEAN DEFAULT true,
  ADD COLUMN IF NOT EXISTS rdp_enabled BOOLEAN DEFAULT false,
  ADD COLUMN IF NOT EXISTS jupyter_token VARCHAR(128),
  ADD COLUMN IF NOT EXISTS jupyter_enabled BOOLEAN DEFAULT true,
  ADD COLUMN IF NOT EXISTS tensorboard_port INT,
  ADD COLUMN IF NOT EXISTS tensorboard_enabled BOOLEAN DEFAULT false,
  ADD COLUMN IF NOT EXISTS web_terminal_enabled BOOLEAN DEFAULT true,
  ADD COLUMN IF NOT EXISTS mounted_datasets JSONB,
  ADD COLUMN IF NOT EXISTS mounted_models JSONB,
  ADD COLUMN IF NOT EXISTS env_vars JSONB,
  ADD COLUMN IF NOT EXISTS config JSONB,
  ADD COLUMN IF NOT EXISTS deleted_at timestamptz,
  ADD COLUMN IF NOT EXISTS status_reason text,
  ADD COLUMN IF NOT EXISTS status_deadline_at timestamptz,
  ADD COLUMN IF NOT EXISTS storage_pool varchar(64),
  -- Null while an environment waits for a place.
  ALTER COLUMN host_id DROP NOT NULL;

ALTER TABLE port_mappings
  ADD COLUMN IF NOT EXISTS last_accessed_at timestamptz,
  ADD COLUMN IF NOT EXISTS auto_release_hours INT DEFAULT 48,
  ADD COLUMN IF NOT EXISTS host_id varchar(64),
  ADD COLUMN IF NOT EXISTS lease_id varchar(64),
  ADD COLUMN IF NOT EXISTS generation bigint;

ALTER TABLE training_jobs
  ADD COLUMN IF NOT EXISTS image VARCHAR(256),
  ADD COLUMN IF NOT EXISTS mounted_datasets JSONB,
  ADD COLUMN IF NOT EXISTS mounted_models JSONB,
  ADD COLUMN IF NOT EXISTS command TEXT,
  ADD COLUMN IF NOT EXISTS env_vars JSONB,
  ADD COLUMN IF NOT EXISTS output_path VARCHAR(512) DEFAULT '/gemini/output/',
  ADD COLUMN IF NOT EXISTS node_count INT DEFAULT 1,
  ADD COLUMN IF NOT EXISTS distributed_config JSONB,
  ADD COLUMN IF NOT EXISTS gpu_memory BIGINT,
  ADD COLUMN IF NOT EXISTS deleted_at timestamptz,
  ADD COLUMN IF NOT EXISTS config jsonb,
  ADD COLUMN IF NOT EXISTS status_reason text,
  ADD COLUMN IF NOT EXISTS status_deadline_at timestamptz,
  ALTER COLUMN image SET NOT NULL,
  ALTER COLUMN command SET NOT NULL,
  DROP COLUMN IF EXISTS dataset_id,
  DROP COLUMN IF EXISTS model_id,
  DROP COLUMN IF EXISTS script_path;

ALTER TABLE inference_services
  ADD COLUMN IF NOT EXISTS image VARCHAR(256),
  ADD COLUMN IF NOT EXISTS min_replicas INT DEFAULT 1,
  ADD COLUMN IF NOT EXISTS max_replicas INT DEFAULT 10,
  ADD COLUMN IF NOT EXISTS autoscaling_enabled BOOLEAN DEFAULT false,
  ADD COLUMN IF NOT EXISTS autoscaling_config JSONB,
  ADD COLUMN IF NOT EXISTS version VARCHAR(64),
  ADD COLUMN IF NOT EXISTS previous_version VARCHAR(64),
  ADD COLUMN IF NOT EXISTS health_check_path VARCHAR(256),
  ADD COLUMN IF NOT EXISTS health_check_interval INT DEFAULT 30,
  ADD COLUMN IF NOT EXISTS env_vars JSONB,
  ADD COLUMN IF NOT EXISTS gpu_memory BIGINT,
  ADD COLUMN IF NOT EXISTS deleted_at timestamptz,
  ADD COLUMN IF NOT EXISTS config jsonb,
  ADD COLUMN IF NOT EXISTS status_reason text,
  ADD COLUMN IF NOT EXISTS status_deadline_at timestamptz,
  ALTER COLUMN image SET NOT NULL;

ALTER TABLE billing_records
  ADD COLUMN IF NOT EXISTS workspace_id BIGINT,
  ADD COLUMN IF NOT EXISTS resource_id VARCHAR(64),
  ADD COLUMN IF NOT EXISTS resource_name VARCHAR(256),
  ADD COLUMN IF NOT EXISTS billing_unit VARCHAR(20) DEFAULT 'minute',
  ADD COLUMN IF NOT EXISTS billing_minutes INT,
  ADD COLUMN IF NOT EXISTS line varchar(160),
  ADD COLUMN IF NOT EXISTS run_id varchar(64),
  ADD COLUMN IF NOT EXISTS usage_month date,
  ADD COLUMN IF NOT EXISTS invoice_month date,
  ADD COLUMN IF NOT EXISTS legacy_resource_type varchar(32),
  ADD COLUMN IF NOT EXISTS transaction_id bigint,
  DROP COLUMN IF EXISTS env_id;
DROP INDEX IF EXISTS idx_billing_records_env;

ALTER TABLE customers
  ADD COLUMN IF NOT EXISTS balance numeric(20,4) NOT NULL DEFAULT 0.00,
  ADD COLUMN IF NOT EXISTS currency VARCHAR(10) NOT NULL DEFAULT 'CNY',
  ADD COLUMN IF NOT EXISTS overdue_status VARCHAR(20) NOT NULL DEFAULT 'normal',
  ADD COLUMN IF NOT EXISTS overdue_since timestamptz,
  ADD COLUMN IF NOT EXISTS last_payment_at timestamptz,
  ADD COLUMN IF NOT EXISTS credit_limit numeric(20,4) NOT NULL DEFAULT 0;

ALTER TABLE hosts
  ADD COLUMN IF NOT EXISTS connection varchar(20) NOT NULL DEFAULT 'never',
  ADD COLUMN IF NOT EXISTS cordoned boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS cordon_reason text,
  ADD COLUMN IF NOT EXISTS storage_pool varchar(64),
  ADD COLUMN IF NOT EXISTS generation bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS applied_generation bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS applied_term bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS agent_epoch bigint,
  ADD COLUMN IF NOT EXISTS boot_id uuid,
  ADD COLUMN IF NOT EXISTS agent_version varchar(32),
  ADD COLUMN IF NOT EXISTS protocol_min int,
  ADD COLUMN IF NOT EXISTS protocol_max int,
  ADD COLUMN IF NOT EXISTS attach_mode varchar(16),
  ADD COLUMN IF NOT EXISTS simulated boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS degraded text[] NOT NULL DEFAULT '{}',
  ADD COLUMN IF NOT EXISTS observed_digest varchar(64),
  ADD COLUMN IF NOT EXISTS observed_at timestamptz,
  ADD COLUMN IF NOT EXISTS status_reason text,
  -- The generation up to which an administrator confirmed an unusual number of stops.
  ADD COLUMN IF NOT EXISTS confirmed_stops bigint,
  ADD COLUMN IF NOT EXISTS revoked_at timestamptz,
  ADD COLUMN IF NOT EXISTS deleted_at timestamptz;

ALTER TABLE gpus
  ADD COLUMN IF NOT EXISTS simulated boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS pci_bus_id varchar(32),
  ADD COLUMN IF NOT EXISTS driver_version varchar(32),
  ADD COLUMN IF NOT EXISTS cordoned boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS cordon_reason text,
  ADD COLUMN IF NOT EXISTS memory_used_mib int,
  ADD COLUMN IF NOT EXISTS utilization_percent int,
  ADD COLUMN IF NOT EXISTS temperature_c int,
  ADD COLUMN IF NOT EXISTS power_w numeric,
  ADD COLUMN IF NOT EXISTS last_seen_at timestamptz,
  ADD COLUMN IF NOT EXISTS vanished_at timestamptz,
  ADD COLUMN IF NOT EXISTS conflict_host_id varchar(64),
  -- Set in the transaction that allocates the card, before the allocation's row; see gpu_allocations.
  ADD COLUMN IF NOT EXISTS sharing_mode varchar(16),
  -- Deferrable, so that cards may change places in one statement when a boot enumerates them anew.
  DROP CONSTRAINT IF EXISTS gpus_host_id_gpu_index_key,
  ADD CONSTRAINT gpus_host_id_gpu_index_key UNIQUE (host_id, gpu_index) DEFERRABLE INITIALLY IMMEDIATE;

-- 4. What a row may hold. A CHECK that is not known (null) passes, so these functions never answer null. They are
-- PL/pgSQL, which keeps its plans: as SQL functions they took ten times as long for every row that is written.
-- Most environments mount nothing and have no variables of their own: what is empty is sound without looking further.
CREATE OR REPLACE FUNCTION mounts_at_paths_ok(mounts jsonb, path_pattern text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF mounts IS NULL OR mounts = '[]' THEN
    RETURN true;
  ELSIF jsonb_typeof(mounts) <> 'array' THEN
    RETURN false;
  ELSIF jsonb_array_length(mounts) > 3 THEN
    RETURN false;
  END IF;
  RETURN (
    SELECT COALESCE(bool_and(
        jsonb_typeof(mount) = 'object'
        AND COALESCE(jsonb_typeof(mount -> 'id') = 'number' AND mount ->> 'id' ~ '^[1-9][0-9]{0,18}$', false)
        AND COALESCE(jsonb_typeof(mount -> 'path') = 'string' AND mount ->> 'path' ~ path_pattern, false)
        AND COALESCE(mount -> 'readonly' = 'true'::jsonb, false)
        AND (SELECT count(*) FROM jsonb_object_keys(CASE jsonb_typeof(mount) WHEN 'object' THEN mount ELSE '{}' END)) = 3
      ), true)
      AND count(*) = count(DISTINCT mount -> 'id') AND count(*) = count(DISTINCT mount -> 'path')
    FROM jsonb_array_elements(mounts) AS element (mount)
  );
END $$;

-- An id of 0 comes from the old system, which wrote it for "none" here and there.
CREATE OR REPLACE FUNCTION mounted_ids_ok(ids jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF ids IS NULL THEN
    RETURN true;
  ELSIF jsonb_typeof(ids) <> 'array' THEN
    RETURN false;
  ELSIF jsonb_array_length(ids) > 3 THEN
    RETURN false;
  END IF;
  FOR place IN 0 .. jsonb_array_length(ids) - 1 LOOP
    IF jsonb_typeof(ids -> place) <> 'number' OR (ids -> place)::text !~ '^(0|[1-9][0-9]{0,18})$' THEN
      RETURN false;
    END IF;
    FOR earlier IN 0 .. place - 1 LOOP
      IF ids -> place = ids -> earlier THEN
        RETURN false;
      END IF;
    END LOOP;
  END LOOP;
  RETURN true;
END $$;

-- Values of env_vars are sealed by the server, with a key that no database has: each is {"key": which, "sealed": what},
-- below its name as before. Plain texts stay allowed: the server seals those that it finds.
CREATE OR REPLACE FUNCTION env_vars_ok(vars jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF vars IS NULL OR vars = '{}' THEN
    RETURN true;
  ELSIF jsonb_typeof(vars) <> 'object' THEN
    RETURN false;
  END IF;
  RETURN (
    SELECT COALESCE(bool_and(name ~ '^[A-Za-z_][A-Za-z0-9_]*$' AND (jsonb_typeof(value) = 'string'
      OR jsonb_typeof(value) = 'object' AND jsonb_typeof(value -> 'key') = 'string'
        AND jsonb_typeof(value -> 'sealed') = 'string' AND value - '{key,sealed}'::text[] = '{}')), true) AND count(*) <= 64
    FROM jsonb_each(vars) AS variable (name, value)
  );
END $$;

ALTER TABLE customers
  ADD CONSTRAINT customers_user_type_check CHECK (user_type IN ('admin', 'internal', 'external')) NOT VALID,
  ADD CONSTRAINT customers_account_type_check CHECK (account_type IN ('individual', 'enterprise')) NOT VALID,
  ADD CONSTRAINT customers_status_check CHECK (status IN ('active', 'suspended', 'deleted')) NOT VALID,
  ADD CONSTRAINT customers_overdue_status_check CHECK (overdue_status IN ('normal', 'overdue', 'suspended')),
  ADD CONSTRAINT customers_credit_limit_check CHECK (credit_limit >= 0);

ALTER TABLE workspaces
  ADD CONSTRAINT workspaces_type_check CHECK (type IN ('personal', 'team', 'enterprise')) NOT VALID,
  ADD CONSTRAINT workspaces_status_check CHECK (status IN ('active', 'archived')) NOT VALID,
  ADD CONSTRAINT workspaces_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES customers NOT VALID;

ALTER TABLE workspace_members
  ADD CONSTRAINT workspace_members_role_check CHECK (role IN ('owner', 'admin', 'member', 'viewer')) NOT VALID,
  ADD CONSTRAINT workspace_members_status_check CHECK (status IN ('active', 'invited', 'suspended')) NOT VALID,
  ADD CONSTRAINT workspace_members_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces NOT VALID,
  ADD CONSTRAINT workspace_members_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;

ALTER TABLE resource_quotas
  ADD CONSTRAINT resource_quotas_range_check CHECK (cpu_quota >= 0 AND memory_quota >= 0 AND gpu_quota >= 0
    AND storage_quota >= 0 AND environment_quota >= 0) NOT VALID,
  ADD CONSTRAINT resource_quotas_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers NOT VALID,
  ADD CONSTRAINT resource_quotas_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces NOT VALID;

ALTER TABLE hosts
  ADD CONSTRAINT hosts_status_check CHECK (status IN ('offline', 'online', 'maintenance')) NOT VALID,
  ADD CONSTRAINT hosts_health_status_check CHECK (health_status IN ('healthy', 'degraded', 'unhealthy', 'unknown')) NOT VALID,
  ADD CONSTRAINT hosts_port_check CHECK (ssh_port >= 1 AND ssh_port <= 65535 AND agent_port >= 1 AND agent_port <= 65535) NOT VALID,
  ADD CONSTRAINT hosts_connection_check CHECK (connection IN ('never', 'connected', 'suspect', 'unreachable')),
  ADD CONSTRAINT hosts_attach_mode_check CHECK (attach_mode IN ('cdi', 'gpus', 'plain')),
  ADD CONSTRAINT hosts_generation_check CHECK (generation >= 0 AND applied_generation >= 0 AND applied_term >= 0);

ALTER TABLE gpus
  ADD CONSTRAINT gpus_status_check CHECK (status IN ('available', 'allocated', 'maintenance', 'error')) NOT VALID,
  ADD CONSTRAINT gpus_health_status_check CHECK (health_status IN ('healthy', 'degraded', 'unhealthy', 'unknown')) NOT VALID,
  ADD CONSTRAINT gpus_sharing_mode_check CHECK (sharing_mode IN ('exclusive', 'shared')),
  ADD CONSTRAINT gpus_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts NOT VALID;

ALTER TABLE environments
  ADD CONSTRAINT environments_status_check CHECK (status IS NOT NULL AND status IN ('queued', 'creating', 'running',
    'stopping', 'restarting', 'stopped', 'error', 'deleting')) NOT VALID,
  ADD CONSTRAINT environments_size_check CHECK (cpu > 0 AND memory > 0 AND gpu >= 0 AND storage >= 0) NOT VALID,
  ADD CONSTRAINT environments_new_size_check CHECK (gpu_memory >= 0 AND temp_storage >= 0),
  ADD CONSTRAINT environments_port_check CHECK (ssh_port >= 1 AND ssh_port <= 65535 AND rdp_port >= 1 AND rdp_port <= 65535
    AND jupyter_port >= 1 AND jupyter_port <= 65535) NOT VALID,
  ADD CONSTRAINT environments_tensorboard_port_check CHECK (tensorboard_port BETWEEN 1 AND 65535),
  ADD CONSTRAINT environments_mounted_datasets_check CHECK (mounts_at_paths_ok(mounted_datasets, '^/gemini/data-[1-3]$')),
  ADD CONSTRAINT environments_mounted_models_check CHECK (mounts_at_paths_ok(mounted_models, '^/gemini/pretrain[1-3]$')),
  ADD CONSTRAINT environments_env_vars_check CHECK (env_vars_ok(env_vars)),
  ADD CONSTRAINT environments_config_check CHECK (jsonb_typeof(config) = 'object'),
  ADD CONSTRAINT environments_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers NOT VALID,
  ADD CONSTRAINT environments_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces NOT VALID,
  ADD CONSTRAINT environments_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts NOT VALID;

ALTER TABLE port_mappings
  ADD CONSTRAINT port_mappings_service_type_check CHECK (service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom')) NOT VALID,
  ADD CONSTRAINT port_mappings_status_check CHECK (status IN ('active', 'released')) NOT VALID,
  ADD CONSTRAINT port_mappings_port_check CHECK (external_port >= 1 AND external_port <= 65535
    AND internal_port >= 1 AND internal_port <= 65535) NOT VALID,
  ADD CONSTRAINT port_mappings_auto_release_hours_check CHECK (auto_release_hours >= 1),
  ADD CONSTRAINT port_mappings_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments NOT VALID,
  ADD CONSTRAINT port_mappings_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts NOT VALID;

ALTER TABLE training_jobs
  ADD CONSTRAINT training_jobs_status_check CHECK (status IS NOT NULL AND status IN ('pending', 'queued', 'running',
    'stopping', 'completed', 'failed', 'cancelled')) NOT VALID,
  ADD CONSTRAINT training_jobs_size_check CHECK (cpu > 0 AND memory > 0 AND gpu >= 0) NOT VALID,
  ADD CONSTRAINT training_jobs_new_size_check CHECK (gpu_memory >= 0 AND node_count >= 1),
  ADD CONSTRAINT training_jobs_mounted_datasets_check CHECK (mounted_ids_ok(mounted_datasets)),
  ADD CONSTRAINT training_jobs_mounted_models_check CHECK (mounted_ids_ok(mounted_models)),
  ADD CONSTRAINT training_jobs_env_vars_check CHECK (env_vars_ok(env_vars)),
  ADD CONSTRAINT training_jobs_distributed_config_check CHECK (jsonb_typeof(distributed_config) = 'object'),
  ADD CONSTRAINT training_jobs_config_check CHECK (jsonb_typeof(config) = 'object'),
  ADD CONSTRAINT training_jobs_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers NOT VALID,
  ADD CONSTRAINT training_jobs_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces NOT VALID,
  ADD CONSTRAINT training_jobs_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments NOT VALID;

ALTER TABLE inference_services
  ADD CONSTRAINT inference_services_status_check CHECK (status IS NOT NULL AND status IN ('creating', 'running',
    'stopping', 'stopped', 'error')) NOT VALID,
  ADD CONSTRAINT inference_services_size_check CHECK (cpu > 0 AND memory > 0 AND gpu >= 0) NOT VALID,
  ADD CONSTRAINT inference_services_new_size_check CHECK (gpu_memory >= 0),
  ADD CONSTRAINT inference_services_replicas_check CHECK (min_replicas >= 0 AND max_replicas >= 1 AND min_replicas <= max_replicas
    AND (replicas = 0 OR replicas BETWEEN min_replicas AND max_replicas)) NOT VALID,
  ADD CONSTRAINT inference_services_health_check_interval_check CHECK (health_check_interval >= 1),
  ADD CONSTRAINT inference_services_env_vars_check CHECK (env_vars_ok(env_vars)),
  ADD CONSTRAINT inference_services_autoscaling_config_check CHECK (jsonb_typeof(autoscaling_config) = 'object'),
  ADD CONSTRAINT inference_services_config_check CHECK (jsonb_typeof(config) = 'object'),
  ADD CONSTRAINT inference_services_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers NOT VALID,
  ADD CONSTRAINT inference_services_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces NOT VALID,
  ADD CONSTRAINT inference_services_model_id_fkey FOREIGN KEY (model_id) REFERENCES models NOT VALID;

-- 'legacy' marks records of the old system that name neither an environment nor storage; the old word stands in
-- legacy_resource_type. billing_unit is null where the old system did not record it.
ALTER TABLE billing_records
  ADD CONSTRAINT billing_records_resource_type_check CHECK (resource_type IN ('environment', 'training', 'inference', 'storage')
    OR resource_type = 'legacy' AND legacy_resource_type IS NOT NULL) NOT VALID,
  ADD CONSTRAINT billing_records_billing_unit_check CHECK (billing_unit IN ('minute', 'hour', 'day')),
  ADD CONSTRAINT billing_records_month_check CHECK (EXTRACT(day FROM usage_month) = 1 AND EXTRACT(day FROM invoice_month) = 1),
  ADD CONSTRAINT billing_records_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers NOT VALID,
  ADD CONSTRAINT billing_records_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces NOT VALID;

ALTER TABLE invoices
  ADD CONSTRAINT invoices_status_check CHECK (status IN ('pending', 'paid', 'overdue', 'cancelled')) NOT VALID,
  ADD CONSTRAINT invoices_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;

ALTER TABLE datasets
  ADD CONSTRAINT datasets_status_check CHECK (status IN ('uploading', 'ready', 'error')) NOT VALID,
  ADD CONSTRAINT datasets_visibility_check CHECK (visibility IN ('private', 'workspace', 'public')) NOT VALID,
  ADD CONSTRAINT datasets_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers NOT VALID,
  ADD CONSTRAINT datasets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces NOT VALID;

ALTER TABLE dataset_versions
  ADD CONSTRAINT dataset_versions_dataset_id_fkey FOREIGN KEY (dataset_id) REFERENCES datasets NOT VALID;

ALTER TABLE models
  ADD CONSTRAINT models_status_check CHECK (status IN ('uploading', 'ready', 'error')) NOT VALID,
  ADD CONSTRAINT models_visibility_check CHECK (visibility IN ('private', 'workspace', 'public')) NOT VALID,
  ADD CONSTRAINT models_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers NOT VALID,
  ADD CONSTRAINT models_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces NOT VALID;

ALTER TABLE model_versions
  ADD CONSTRAINT model_versions_model_id_fkey FOREIGN KEY (model_id) REFERENCES models NOT VALID;

ALTER TABLE images
  ADD CONSTRAINT images_status_check CHECK (status IN ('active', 'deprecated')) NOT VALID;

-- 5. Indexes: the old ones that stay, those of the change summary, and one for each foreign key that has none.
CREATE INDEX IF NOT EXISTS idx_customers_username ON customers (username);
CREATE INDEX IF NOT EXISTS idx_customers_email ON customers (email);
CREATE INDEX IF NOT EXISTS idx_customers_status ON customers (status);
CREATE INDEX IF NOT EXISTS idx_customers_user_type ON customers (user_type);
CREATE INDEX IF NOT EXISTS idx_customers_account_type ON customers (account_type);
CREATE INDEX IF NOT EXISTS idx_customers_overdue_status ON customers (overdue_status);

CREATE INDEX IF NOT EXISTS idx_workspaces_owner ON workspaces (owner_id);
CREATE INDEX IF NOT EXISTS idx_workspace_members_customer ON workspace_members (customer_id);
CREATE INDEX IF NOT EXISTS idx_resource_quotas_customer ON resource_quotas (customer_id);
CREATE INDEX IF NOT EXISTS idx_resource_quotas_workspace ON resource_quotas (workspace_id);
CREATE INDEX IF NOT EXISTS idx_hosts_labels ON hosts USING gin (labels);

CREATE INDEX IF NOT EXISTS idx_environments_customer ON environments (customer_id);
CREATE INDEX IF NOT EXISTS idx_environments_workspace ON environments (workspace_id);
CREATE INDEX IF NOT EXISTS idx_environments_host ON environments (host_id);
CREATE INDEX IF NOT EXISTS idx_environments_status ON environments (status);
CREATE INDEX IF NOT EXISTS idx_environments_created_at ON environments (created_at DESC);
CREATE INDEX IF NOT EXISTS idx_environments_deleted_at ON environments (deleted_at);
CREATE INDEX IF NOT EXISTS idx_environments_mounted_datasets ON environments USING gin (mounted_datasets);
CREATE INDEX IF NOT EXISTS idx_environments_mounted_models ON environments USING gin (mounted_models);
CREATE INDEX IF NOT EXISTS idx_environments_env_vars ON environments USING gin (env_vars);
CREATE INDEX IF NOT EXISTS idx_environments_config ON environments USING gin (config);

CREATE INDEX IF NOT EXISTS idx_port_mappings_env ON port_mappings (env_id);
CREATE INDEX IF NOT EXISTS idx_port_mappings_external_port ON port_mappings (external_port);
CREATE INDEX IF NOT EXISTS idx_port_mappings_status ON port_mappings (status);
CREATE INDEX IF NOT EXISTS idx_port_mappings_status_last_accessed_at ON port_mappings (status, last_accessed_at);
CREATE INDEX IF NOT EXISTS idx_port_mappings_host ON port_mappings (host_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_port_mappings_host_external_port ON port_mappings (host_id, external_port)
  WHERE status IS DISTINCT FROM 'released';

CREATE INDEX IF NOT EXISTS idx_training_jobs_customer ON training_jobs (customer_id);
CREATE INDEX IF NOT EXISTS idx_training_jobs_workspace ON training_jobs (workspace_id);
CREATE INDEX IF NOT EXISTS idx_training_jobs_status ON training_jobs (status);
CREATE INDEX IF NOT EXISTS idx_training_jobs_created_at ON training_jobs (created_at DESC);
CREATE INDEX IF NOT EXISTS idx_training_jobs_env ON training_jobs (env_id);
CREATE INDEX IF NOT EXISTS idx_training_jobs_deleted_at ON training_jobs (deleted_at);
CREATE INDEX IF NOT EXISTS idx_training_jobs_mounted_datasets ON training_jobs USING gin (mounted_datasets);
CREATE INDEX IF NOT EXISTS idx_training_jobs_mounted_models ON training_jobs USING gin (mounted_models);
CREATE INDEX IF NOT EXISTS idx_training_jobs_env_vars ON training_jobs USING gin (env_vars);
CREATE INDEX IF NOT EXISTS idx_training_jobs_distributed_config ON training_jobs USING gin (distributed_config);

CREATE INDEX IF NOT EXISTS idx_inference_services_customer ON inference_services (customer_id);
CREATE INDEX IF NOT EXISTS idx_inference_services_workspace ON inference_services (workspace_id);
CREATE INDEX IF NOT EXISTS idx_inference_services_status ON inference_services (status);
CREATE INDEX IF NOT EXISTS idx_inference_services_model ON inference_services (model_id);
CREATE INDEX IF NOT EXISTS idx_inference_services_deleted_at ON inference_services (deleted_at);
CREATE INDEX IF NOT EXISTS idx_inference_services_autoscaling_config ON inference_services USING gin (autoscaling_config);
CREATE INDEX IF NOT EXISTS idx_inference_services_env_vars ON inference_services USING gin (env_vars);

CREATE INDEX IF NOT EXISTS idx_billing_records_customer ON billing_records (customer_id);
CREATE INDEX IF NOT EXISTS idx_billing_records_start_time ON billing_records (start_time DESC);
CREATE INDEX IF NOT EXISTS idx_billing_records_created_at ON billing_records (created_at DESC);
CREATE INDEX IF NOT EXISTS idx_billing_records_workspace ON billing_records (workspace_id);
CREATE INDEX IF NOT EXISTS idx_billing_records_resource ON billing_records (resource_id);
CREATE INDEX IF NOT EXISTS idx_invoices_customer ON invoices (customer_id);

CREATE INDEX IF NOT EXISTS idx_datasets_customer ON datasets (customer_id);
CREATE INDEX IF NOT EXISTS idx_datasets_workspace ON datasets (workspace_id);
CREATE INDEX IF NOT EXISTS idx_dataset_versions_dataset ON dataset_versions (dataset_id);
CREATE INDEX IF NOT EXISTS idx_models_customer ON models (customer_id);
CREATE INDEX IF NOT EXISTS idx_models_workspace ON models (workspace_id);
CREATE INDEX IF NOT EXISTS idx_model_versions_model ON model_versions (model_id);

-- 6. updated_at, set by a trigger on every old table that has the column.
-- To seal what is there is no change of it that anybody has to be notified of.
CREATE OR REPLACE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('remotegpu.keeps_updated_at', true) IS DISTINCT FROM 'on' THEN
    NEW.updated_at = now();
  END IF;
  RETURN NEW;
END $$;

DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['customers', 'workspaces', 'workspace_members', 'resource_quotas', 'hosts', 'gpus',
    'environments', 'training_jobs', 'inference_services', 'invoices', 'datasets', 'models', 'images']
  LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION set_updated_at()', tab);
  END LOOP;
END $$;
