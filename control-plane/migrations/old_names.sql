-- Indexes and triggers of the old system beyond its keys: what a database gets on the way back to the old schema when it
-- was never one of the old system and so has no names of its own on record.
CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at = CURRENT_TIMESTAMP;
  RETURN NEW;
END $$;

DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['customers', 'workspaces', 'workspace_members', 'resource_quotas', 'hosts', 'gpus',
    'environments', 'training_jobs', 'inference_services', 'invoices', 'datasets', 'models', 'images']
  LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION touch_updated_at()', 'touch_' || tab, tab);
  END LOOP;
END $$;

CREATE INDEX idx_customers_username ON customers (username);
CREATE INDEX idx_customers_email ON customers (email);
CREATE INDEX idx_customers_status ON customers (status);
CREATE INDEX idx_customers_user_type ON customers (user_type);
CREATE INDEX idx_customers_account_type ON customers (account_type);
CREATE INDEX idx_hosts_labels ON hosts USING gin (labels);
CREATE INDEX idx_environments_customer ON environments (customer_id);
CREATE INDEX idx_environments_workspace ON environments (workspace_id);
CREATE INDEX idx_environments_host ON environments (host_id);
CREATE INDEX idx_environments_status ON environments (status);
CREATE INDEX idx_environments_created_at ON environments (created_at DESC);
CREATE INDEX idx_port_mappings_env ON port_mappings (env_id);
CREATE INDEX idx_port_mappings_external_port ON port_mappings (external_port);
CREATE INDEX idx_port_mappings_status ON port_mappings (status);
CREATE INDEX idx_training_jobs_customer ON training_jobs (customer_id);
CREATE INDEX idx_training_jobs_workspace ON training_jobs (workspace_id);
CREATE INDEX idx_training_jobs_status ON training_jobs (status);
CREATE INDEX idx_training_jobs_created_at ON training_jobs (created_at DESC);
CREATE INDEX idx_inference_services_customer ON inference_services (customer_id);
CREATE INDEX idx_inference_services_workspace ON inference_services (workspace_id);
CREATE INDEX idx_inference_services_status ON inference_services (status);
CREATE INDEX idx_billing_records_customer ON billing_records (customer_id);
CREATE INDEX idx_billing_records_env ON billing_records (env_id);
CREATE INDEX idx_billing_records_start_time ON billing_records (start_time DESC);
CREATE INDEX idx_billing_records_created_at ON billing_records (created_at DESC);
