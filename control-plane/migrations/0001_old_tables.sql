-- The tables of the old system, in the form the old system left them in. On a database of that system every table is
-- there already and nothing happens; on a fresh one they are made here and changed in 0002, so that both ways go
-- through the same steps and end in the same schema. Indexes and constraints beyond keys are the work of 0002.
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
CREATE EXTENSION IF NOT EXISTS pgcrypto;

CREATE TABLE IF NOT EXISTS customers (
  id BIGSERIAL PRIMARY KEY,
  uuid UUID UNIQUE DEFAULT uuid_generate_v4(),
  username VARCHAR(64) UNIQUE NOT NULL,
  email VARCHAR(128) UNIQUE NOT NULL,
  password_hash VARCHAR(256) NOT NULL,
  display_name VARCHAR(128),
  avatar_url VARCHAR(512),
  phone VARCHAR(32),
  full_name VARCHAR(256),
  company VARCHAR(256),
  user_type VARCHAR(32) DEFAULT 'external',
  account_type VARCHAR(32) DEFAULT 'individual',
  status VARCHAR(32) DEFAULT 'active',
  email_verified BOOLEAN DEFAULT false,
  phone_verified BOOLEAN DEFAULT false,
  last_login_at TIMESTAMP,
  deleted_at TIMESTAMP,
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS workspaces (
  id BIGSERIAL PRIMARY KEY,
  uuid UUID UNIQUE DEFAULT uuid_generate_v4(),
  owner_id BIGINT NOT NULL,
  name VARCHAR(128) NOT NULL,
  description TEXT,
  type VARCHAR(32) DEFAULT 'personal',
  member_count INT DEFAULT 1,
  status VARCHAR(32) DEFAULT 'active',
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS workspace_members (
  id BIGSERIAL PRIMARY KEY,
  workspace_id BIGINT NOT NULL,
  customer_id BIGINT NOT NULL,
  role VARCHAR(32) DEFAULT 'member',
  status VARCHAR(32) DEFAULT 'active',
  joined_at TIMESTAMP DEFAULT now(),
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now(),
  UNIQUE (workspace_id, customer_id)
);

CREATE TABLE IF NOT EXISTS resource_quotas (
  id BIGSERIAL PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  workspace_id BIGINT,
  quota_level VARCHAR(32) DEFAULT 'free',
  cpu_quota INT DEFAULT 4,
  memory_quota BIGINT DEFAULT 8192,
  gpu_quota INT DEFAULT 0,
  storage_quota BIGINT DEFAULT 10737418240,
  environment_quota INT DEFAULT 1,
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS hosts (
  id VARCHAR(64) PRIMARY KEY,
  name VARCHAR(128) NOT NULL,
  hostname VARCHAR(256),
  ip_address VARCHAR(64) NOT NULL,
  public_ip VARCHAR(64),
  os_type VARCHAR(32),
  os_version VARCHAR(64),
  arch VARCHAR(32) DEFAULT 'x86_64',
  deployment_mode VARCHAR(32),
  status VARCHAR(20) DEFAULT 'offline',
  health_status VARCHAR(20) DEFAULT 'unknown',
  total_cpu INT DEFAULT 0,
  total_memory BIGINT DEFAULT 0,
  total_disk BIGINT DEFAULT 0,
  total_gpu INT DEFAULT 0,
  used_cpu INT DEFAULT 0,
  used_memory BIGINT DEFAULT 0,
  used_disk BIGINT DEFAULT 0,
  used_gpu INT DEFAULT 0,
  ssh_port INT DEFAULT 22,
  agent_port INT,
  labels JSONB,
  tags TEXT[],
  last_heartbeat TIMESTAMP,
  registered_at TIMESTAMP DEFAULT now(),
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS gpus (
  id BIGSERIAL PRIMARY KEY,
  host_id VARCHAR(64) NOT NULL,
  gpu_index INT NOT NULL,
  uuid VARCHAR(128) UNIQUE,
  name VARCHAR(128),
  brand VARCHAR(64),
  architecture VARCHAR(64),
  memory_total BIGINT,
  compute_capability VARCHAR(16),
  status VARCHAR(20) DEFAULT 'available',
  health_status VARCHAR(20) DEFAULT 'healthy',
  allocated_to VARCHAR(64),
  allocated_at TIMESTAMP,
  power_limit INT,
  temperature_limit INT,
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now(),
  UNIQUE (host_id, gpu_index)
);

CREATE TABLE IF NOT EXISTS environments (
  id VARCHAR(64) PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  workspace_id BIGINT,
  host_id VARCHAR(64) NOT NULL,
  name VARCHAR(128) NOT NULL,
  description TEXT,
  image VARCHAR(256) NOT NULL,
  status VARCHAR(20) DEFAULT 'creating',
  cpu INT NOT NULL,
  memory BIGINT NOT NULL,
  gpu INT DEFAULT 0,
  storage BIGINT,
  ssh_port INT,
  rdp_port INT,
  jupyter_port INT,
  container_id VARCHAR(128),
  pod_name VARCHAR(128),
  started_at TIMESTAMP,
  stopped_at TIMESTAMP,
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS port_mappings (
  id BIGSERIAL PRIMARY KEY,
  env_id VARCHAR(64) NOT NULL,
  service_type VARCHAR(32) NOT NULL,
  external_port INT NOT NULL UNIQUE,
  internal_port INT NOT NULL,
  status VARCHAR(20) DEFAULT 'active',
  allocated_at TIMESTAMP DEFAULT now(),
  released_at TIMESTAMP
);

-- The three columns that 0002 drops (script_path, dataset_id, model_id) are made only where the table is.
CREATE TABLE IF NOT EXISTS training_jobs (
  id VARCHAR(64) PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  workspace_id BIGINT,
  env_id VARCHAR(64),
  name VARCHAR(256) NOT NULL,
  description TEXT,
  framework VARCHAR(64),
  script_path VARCHAR(512),
  dataset_id BIGINT,
  model_id BIGINT,
  status VARCHAR(20) DEFAULT 'pending',
  priority INT DEFAULT 0,
  cpu INT,
  memory BIGINT,
  gpu INT,
  started_at TIMESTAMP,
  completed_at TIMESTAMP,
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS inference_services (
  id VARCHAR(64) PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  workspace_id BIGINT,
  name VARCHAR(256) NOT NULL,
  description TEXT,
  model_id BIGINT,
  model_version VARCHAR(64),
  framework VARCHAR(64),
  status VARCHAR(20) DEFAULT 'creating',
  endpoint_url VARCHAR(512),
  cpu INT,
  memory BIGINT,
  gpu INT,
  replicas INT DEFAULT 1,
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS billing_records (
  id BIGSERIAL PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  env_id VARCHAR(64),
  resource_type VARCHAR(32) NOT NULL,
  quantity FLOAT NOT NULL,
  unit_price DECIMAL(10,4) NOT NULL,
  amount DECIMAL(10,4) NOT NULL,
  currency VARCHAR(10) DEFAULT 'CNY',
  start_time TIMESTAMP NOT NULL,
  end_time TIMESTAMP NOT NULL,
  created_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS invoices (
  id BIGSERIAL PRIMARY KEY,
  invoice_no VARCHAR(64) UNIQUE NOT NULL,
  customer_id BIGINT NOT NULL,
  billing_period_start TIMESTAMP NOT NULL,
  billing_period_end TIMESTAMP NOT NULL,
  total_amount DECIMAL(10,4) NOT NULL,
  currency VARCHAR(10) DEFAULT 'CNY',
  status VARCHAR(20) DEFAULT 'pending',
  paid_at TIMESTAMP,
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS datasets (
  id BIGSERIAL PRIMARY KEY,
  uuid UUID UNIQUE DEFAULT uuid_generate_v4(),
  customer_id BIGINT NOT NULL,
  workspace_id BIGINT,
  name VARCHAR(256) NOT NULL,
  description TEXT,
  storage_path VARCHAR(512) NOT NULL,
  storage_type VARCHAR(32),
  total_size BIGINT DEFAULT 0,
  file_count INT DEFAULT 0,
  status VARCHAR(20) DEFAULT 'uploading',
  visibility VARCHAR(20) DEFAULT 'private',
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS dataset_versions (
  id BIGSERIAL PRIMARY KEY,
  dataset_id BIGINT NOT NULL,
  version VARCHAR(64) NOT NULL,
  storage_path VARCHAR(512),
  created_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS models (
  id BIGSERIAL PRIMARY KEY,
  uuid UUID UNIQUE DEFAULT uuid_generate_v4(),
  customer_id BIGINT NOT NULL,
  workspace_id BIGINT,
  name VARCHAR(256) NOT NULL,
  description TEXT,
  framework VARCHAR(64),
  storage_path VARCHAR(512) NOT NULL,
  total_size BIGINT DEFAULT 0,
  status VARCHAR(20) DEFAULT 'uploading',
  visibility VARCHAR(20) DEFAULT 'private',
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS model_versions (
  id BIGSERIAL PRIMARY KEY,
  model_id BIGINT NOT NULL,
  version VARCHAR(64) NOT NULL,
  storage_path VARCHAR(512),
  created_at TIMESTAMP DEFAULT now()
);

CREATE TABLE IF NOT EXISTS images (
  id BIGSERIAL PRIMARY KEY,
  name VARCHAR(256) UNIQUE NOT NULL,
  display_name VARCHAR(256),
  category VARCHAR(64),
  framework VARCHAR(64),
  framework_version VARCHAR(64),
  cuda_version VARCHAR(32),
  python_version VARCHAR(32),
  is_official BOOLEAN DEFAULT false,
  size BIGINT,
  registry_url VARCHAR(512),
  status VARCHAR(20) DEFAULT 'active',
  created_at TIMESTAMP DEFAULT now(),
  updated_at TIMESTAMP DEFAULT now()
);
