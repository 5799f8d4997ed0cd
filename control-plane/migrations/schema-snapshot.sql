-- The schema that the migrations build, read back from the catalogue. Generated: see README.md, do not edit.

CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";

CREATE OR REPLACE FUNCTION env_vars_ok(vars jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION forget_reason_code()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  NEW.status_reason_code := NULL;
  NEW.status_reason_params := NULL;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION hold_invoice_closings()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  LOCK TABLE invoice_closings IN ROW SHARE MODE;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION ledger_transaction_has_entries()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NOT EXISTS (SELECT FROM ledger_entries WHERE transaction_id = NEW.id) THEN
    RAISE EXCEPTION 'ledger transaction % has 0 entries, not two or more', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION ledger_transaction_sums_to_zero()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
  wrong record;
BEGIN
  SELECT transaction_id, sum(amount) AS total, count(*) AS entries INTO wrong
    FROM new_entries GROUP BY transaction_id HAVING sum(amount) <> 0 OR count(*) < 2 ORDER BY transaction_id LIMIT 1;
  IF wrong.total <> 0 THEN
    RAISE EXCEPTION 'ledger transaction % sums to %, not to zero', wrong.transaction_id, wrong.total
      USING ERRCODE = 'check_violation';
  ELSIF wrong.entries < 2 THEN
    RAISE EXCEPTION 'ledger transaction % has % entries, not two or more', wrong.transaction_id, wrong.entries
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION mounted_ids_ok(ids jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION mounts_at_paths_ok(mounts jsonb, path_pattern text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION put_on_open_invoice()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  NEW.invoice_month := greatest(NEW.invoice_month, (SELECT (max(month) + interval '1 month')::date FROM invoice_closings));
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION refuse_change_of_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused, a correction is a new entry', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $function$;

CREATE OR REPLACE FUNCTION refuse_change_of_invoice()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.status = 'paid' AND NEW.status IS DISTINCT FROM 'paid'
     OR to_jsonb(OLD) - ARRAY['status', 'paid_at', 'updated_at'] <> to_jsonb(NEW) - ARRAY['status', 'paid_at', 'updated_at'] THEN
    RAISE EXCEPTION 'invoice % is issued: % is refused, a correction goes on a later one', OLD.invoice_no, TG_OP
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF current_setting('remotegpu.keeps_updated_at', true) IS DISTINCT FROM 'on' THEN
    NEW.updated_at = now();
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION web_name_of(environment_id text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
BEGIN
  RETURN left(encode(sha256(convert_to(environment_id, 'UTF8')), 'hex'), 20);
END $function$;

CREATE TABLE access_attempts (
  id bigint NOT NULL,
  host_id varchar(64) NOT NULL,
  attempts_id varchar(64) NOT NULL,
  env_id varchar(64) NOT NULL,
  lease_id varchar(64) NOT NULL,
  service_type varchar(32) NOT NULL,
  client_address varchar(64) NOT NULL,
  outcome varchar(16) NOT NULL,
  attempts bigint NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  reported_at timestamptz NOT NULL,
  CONSTRAINT access_attempts_pkey PRIMARY KEY (id),
  CONSTRAINT access_attempts_attempts_check CHECK ((attempts > 0)),
  CONSTRAINT access_attempts_end_after_they_began CHECK ((last_at >= first_at)),
  CONSTRAINT access_attempts_host_attempts UNIQUE (host_id, attempts_id),
  CONSTRAINT access_attempts_outcome_check CHECK ((outcome IN ('no-login', 'silent', 'too-many', 'too-fast', 'no-way'))),
  CONSTRAINT access_attempts_service_type_check CHECK ((service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom')))
);
CREATE INDEX idx_access_attempts_env ON access_attempts USING btree (env_id, first_at, id);
CREATE INDEX idx_access_attempts_last ON access_attempts USING btree (last_at);
CREATE INDEX idx_access_attempts_new ON access_attempts USING btree (host_id, reported_at);

CREATE TABLE access_sessions (
  id bigserial,
  host_id varchar(64) NOT NULL,
  session_id varchar(64) NOT NULL,
  env_id varchar(64) NOT NULL,
  instance_id varchar(64) NOT NULL,
  run_id varchar(64) NOT NULL,
  lease_id varchar(64),
  service_type varchar(32) NOT NULL,
  client_address varchar(64) NOT NULL,
  opened_at timestamptz NOT NULL,
  bytes_in bigint NOT NULL,
  bytes_out bigint NOT NULL,
  login_method varchar(16),
  login_at timestamptz,
  key_fingerprint varchar(64),
  key_customer_id bigint,
  key_name varchar(128),
  key_ticket_id bigint,
  first_reported_at timestamptz NOT NULL,
  reported_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_by varchar(16),
  end_detail text NOT NULL DEFAULT '',
  cut_at timestamptz,
  cut_by varchar(160),
  cut_reason text,
  gateway_id varchar(64),
  CONSTRAINT access_sessions_pkey PRIMARY KEY (id),
  CONSTRAINT access_sessions_by_lease_or_gateway CHECK ((((lease_id IS NULL) = (gateway_id IS NOT NULL)) AND (((service_type)::text = 'terminal'::text) = (gateway_id IS NOT NULL)))),
  CONSTRAINT access_sessions_bytes_in_check CHECK ((bytes_in >= 0)),
  CONSTRAINT access_sessions_bytes_out_check CHECK ((bytes_out >= 0)),
  CONSTRAINT access_sessions_cut_by_somebody CHECK (((cut_at IS NULL) = (cut_by IS NULL))),
  CONSTRAINT access_sessions_end_by_somebody CHECK (((ended_at IS NULL) = (ended_by IS NULL))),
  CONSTRAINT access_sessions_ended_by_check CHECK ((ended_by IN ('client', 'container', 'lost', 'cut', 'silent', 'access-process', 'unheard'))),
  CONSTRAINT access_sessions_ends_after_it_began CHECK ((ended_at >= opened_at)),
  CONSTRAINT access_sessions_host_session UNIQUE (host_id, session_id),
  CONSTRAINT access_sessions_login_method_check CHECK ((login_method IN ('publickey', 'password', 'other', 'browser'))),
  CONSTRAINT access_sessions_service_type_check CHECK ((service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom', 'terminal')))
);
CREATE INDEX idx_access_sessions_ended ON access_sessions USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX idx_access_sessions_env ON access_sessions USING btree (env_id, opened_at, id);
CREATE INDEX idx_access_sessions_gateway ON access_sessions USING btree (gateway_id) WHERE ((ended_at IS NULL) AND (gateway_id IS NOT NULL));
CREATE INDEX idx_access_sessions_new ON access_sessions USING btree (host_id, first_reported_at);
CREATE INDEX idx_access_sessions_open ON access_sessions USING btree (host_id) WHERE (ended_at IS NULL);

CREATE TABLE agent_upgrade_results (
  id bigserial,
  host_id varchar(64) NOT NULL,
  attempt varchar(96) NOT NULL,
  from_version varchar(96),
  to_version varchar(96) NOT NULL,
  result varchar(16) NOT NULL,
  reason text,
  reason_code varchar(64),
  reason_params jsonb,
  reported_at timestamptz NOT NULL,
  CONSTRAINT agent_upgrade_results_pkey PRIMARY KEY (id),
  CONSTRAINT agent_upgrade_results_host_id_attempt_key UNIQUE (host_id, attempt),
  CONSTRAINT agent_upgrade_results_result_check CHECK ((result IN ('committed', 'reverted', 'refused')))
);

CREATE TABLE alarms (
  id bigserial,
  kind varchar(64) NOT NULL,
  subject varchar(256) NOT NULL,
  detail text,
  raised_at timestamptz NOT NULL DEFAULT now(),
  cleared_at timestamptz,
  reason_code varchar(64),
  reason_params jsonb,
  CONSTRAINT alarms_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_alarms_open ON alarms USING btree (kind, subject) WHERE (cleared_at IS NULL);

CREATE TABLE alert_rules (
  customer_id bigint NOT NULL,
  balances numeric(20,4)[],
  hours_left numeric(20,4)[],
  budget_percents numeric(20,4)[],
  monthly_limit numeric(20,4),
  CONSTRAINT alert_rules_pkey PRIMARY KEY (customer_id),
  CONSTRAINT alert_rules_monthly_limit_check CHECK ((monthly_limit > (0)::numeric))
);
CREATE INDEX idx_alert_rules_with_limit ON alert_rules USING btree (customer_id) WHERE (monthly_limit IS NOT NULL);

CREATE TABLE alerts (
  id bigserial,
  customer_id bigint NOT NULL,
  kind varchar(16) NOT NULL,
  threshold numeric(20,4),
  month date,
  value varchar(64) NOT NULL,
  sentence text NOT NULL,
  fired_at timestamptz NOT NULL,
  recovered_at timestamptz,
  sentence_code varchar(64),
  sentence_params jsonb,
  CONSTRAINT alerts_pkey PRIMARY KEY (id),
  CONSTRAINT alerts_kind_check CHECK ((kind IN ('low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk'))),
  CONSTRAINT alerts_month_of_budget CHECK (((month IS NULL) = ((kind)::text <> 'budget'::text))),
  CONSTRAINT alerts_threshold_of_kind CHECK (((threshold IS NULL) = (kind IN ('overdue', 'suspended'))))
);
CREATE UNIQUE INDEX alerts_open_once ON alerts USING btree (customer_id, kind, threshold, month) NULLS NOT DISTINCT WHERE (recovered_at IS NULL);
CREATE INDEX idx_alerts_customer ON alerts USING btree (customer_id, id);

CREATE TABLE api_keys (
  id bigserial,
  customer_id bigint NOT NULL,
  name varchar(128),
  prefix varchar(16) NOT NULL,
  key_hash varchar(64) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at timestamptz,
  role varchar(16) NOT NULL DEFAULT 'account',
  scopes text[] NOT NULL DEFAULT '{read,orders,money}',
  expires_at timestamptz,
  identity_id bigint,
  login_role varchar(16),
  CONSTRAINT api_keys_pkey PRIMARY KEY (id),
  CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
  CONSTRAINT api_keys_rights_check CHECK (((((role)::text = 'account'::text) AND (scopes <> '{}'::text[]) AND (scopes <@ '{read,orders,money}'::text[])) OR (((role)::text = 'metrics'::text) AND (scopes = '{}'::text[]))))
);
CREATE INDEX idx_api_keys_customer ON api_keys USING btree (customer_id);
CREATE INDEX idx_api_keys_identity ON api_keys USING btree (identity_id) WHERE (identity_id IS NOT NULL);

CREATE TABLE audit_log (
  id bigserial,
  at timestamptz NOT NULL DEFAULT now(),
  api_key_id bigint,
  actor_customer_id bigint,
  method varchar(16) NOT NULL,
  route varchar(256) NOT NULL,
  subject varchar(256),
  status integer,
  detail jsonb,
  actor_role varchar(16),
  action varchar(64) NOT NULL DEFAULT 'change',
  target_kind varchar(32),
  target_id varchar(160),
  outcome varchar(16) NOT NULL DEFAULT 'done',
  problem varchar(32),
  before jsonb,
  after jsonb,
  request_id uuid,
  attempts integer NOT NULL DEFAULT 1,
  reason_code varchar(64),
  reason_params jsonb,
  trace_id varchar(32),
  CONSTRAINT audit_log_pkey PRIMARY KEY (id),
  CONSTRAINT audit_log_attempts_check CHECK ((attempts >= 1)),
  CONSTRAINT audit_log_outcome_check CHECK ((outcome IN ('done', 'repeated', 'refused', 'failed')))
);
CREATE INDEX idx_audit_log_action ON audit_log USING btree (action, at, id);
CREATE INDEX idx_audit_log_actor ON audit_log USING btree (actor_customer_id, at, id);
CREATE INDEX idx_audit_log_at ON audit_log USING btree (at, id);
CREATE INDEX idx_audit_log_target ON audit_log USING btree (target_kind, target_id, at, id);
CREATE INDEX idx_audit_log_undone ON audit_log USING btree (outcome, at, id) WHERE ((outcome)::text <> 'done'::text);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

CREATE TABLE billing_records (
  id bigserial,
  customer_id bigint NOT NULL,
  resource_type varchar(32) NOT NULL,
  quantity numeric NOT NULL,
  unit_price numeric(18,6) NOT NULL,
  amount numeric(20,4) NOT NULL,
  currency varchar(10) DEFAULT 'CNY',
  start_time timestamptz NOT NULL,
  end_time timestamptz NOT NULL,
  created_at timestamptz DEFAULT now(),
  workspace_id bigint,
  resource_id varchar(64),
  resource_name varchar(256),
  billing_unit varchar(20) DEFAULT 'minute',
  billing_minutes integer,
  line varchar(160),
  run_id varchar(64),
  usage_month date,
  invoice_month date,
  legacy_resource_type varchar(32),
  transaction_id bigint,
  CONSTRAINT billing_records_pkey PRIMARY KEY (id),
  CONSTRAINT billing_records_billing_unit_check CHECK ((billing_unit IN ('minute', 'hour', 'day'))),
  CONSTRAINT billing_records_month_check CHECK (((EXTRACT(day FROM usage_month) = (1)::numeric) AND (EXTRACT(day FROM invoice_month) = (1)::numeric)))
);
ALTER TABLE billing_records
  ADD CONSTRAINT billing_records_resource_type_check CHECK (((resource_type IN ('environment', 'training', 'inference', 'storage')) OR (((resource_type)::text = 'legacy'::text) AND (legacy_resource_type IS NOT NULL)))) NOT VALID;
CREATE INDEX idx_billing_records_created_at ON billing_records USING btree (created_at DESC);
CREATE INDEX idx_billing_records_customer ON billing_records USING btree (customer_id, id);
CREATE INDEX idx_billing_records_customer_month ON billing_records USING btree (customer_id, usage_month);
CREATE INDEX idx_billing_records_invoice ON billing_records USING btree (invoice_month, customer_id) WHERE (invoice_month IS NOT NULL);
CREATE INDEX idx_billing_records_resource ON billing_records USING btree (resource_id, id);
CREATE INDEX idx_billing_records_run ON billing_records USING btree (run_id, id);
CREATE INDEX idx_billing_records_start_time ON billing_records USING btree (start_time DESC);
CREATE INDEX idx_billing_records_transaction ON billing_records USING btree (transaction_id);
CREATE INDEX idx_billing_records_workspace ON billing_records USING btree (workspace_id, id);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON billing_records FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON billing_records FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();
CREATE TRIGGER holds_closings BEFORE INSERT ON billing_records FOR EACH STATEMENT EXECUTE FUNCTION hold_invoice_closings();
CREATE TRIGGER on_open_invoice BEFORE INSERT ON billing_records FOR EACH ROW WHEN ((new.invoice_month IS NOT NULL)) EXECUTE FUNCTION put_on_open_invoice();

CREATE TABLE browser_sessions (
  id bigserial,
  token_hash varchar(64) NOT NULL,
  api_key_id bigint NOT NULL,
  customer_id bigint NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz,
  last_address varchar(64),
  user_agent varchar(200),
  CONSTRAINT browser_sessions_pkey PRIMARY KEY (id),
  CONSTRAINT browser_sessions_end_later CHECK ((expires_at > created_at)),
  CONSTRAINT browser_sessions_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX idx_browser_sessions_customer ON browser_sessions USING btree (customer_id, id);
CREATE INDEX idx_browser_sessions_expires ON browser_sessions USING btree (expires_at);
CREATE INDEX idx_browser_sessions_key ON browser_sessions USING btree (api_key_id);

CREATE TABLE cluster_state (
  singleton boolean NOT NULL DEFAULT true,
  db_incarnation bigint NOT NULL DEFAULT 1,
  backup_taken_at timestamptz,
  restore_held_since timestamptz,
  restored_to timestamptz,
  standby_required boolean NOT NULL DEFAULT false,
  CONSTRAINT cluster_state_pkey PRIMARY KEY (singleton),
  CONSTRAINT cluster_state_db_incarnation_check CHECK ((db_incarnation >= 1)),
  CONSTRAINT cluster_state_singleton_check CHECK (singleton)
);

CREATE TABLE code_parts (
  code_id varchar(64) NOT NULL,
  number integer NOT NULL,
  bytes bytea NOT NULL,
  CONSTRAINT code_parts_pkey PRIMARY KEY (code_id, number),
  CONSTRAINT code_parts_bytes_check CHECK (((length(bytes) >= 1) AND (length(bytes) <= 524288))),
  CONSTRAINT code_parts_number_check CHECK ((number >= 0))
);

CREATE TABLE codes (
  id varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  sha256 character(64) NOT NULL,
  size bigint NOT NULL,
  ready_at timestamptz,
  created_at timestamptz NOT NULL,
  used_at timestamptz NOT NULL,
  CONSTRAINT codes_pkey PRIMARY KEY (id),
  CONSTRAINT codes_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT codes_size_check CHECK (((size >= 1) AND (size <= 100000000)))
);
CREATE UNIQUE INDEX idx_codes_content ON codes USING btree (customer_id, sha256);
CREATE INDEX idx_codes_sha256 ON codes USING btree (sha256);

CREATE TABLE customer_identities (
  id bigserial,
  customer_id bigint NOT NULL,
  issuer varchar(512) NOT NULL,
  subject varchar(255) NOT NULL,
  created_at timestamptz NOT NULL,
  last_login_at timestamptz,
  unlinked_at timestamptz,
  session_key_id bigint,
  CONSTRAINT customer_identities_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX customer_identities_one_account ON customer_identities USING btree (issuer, subject) WHERE (unlinked_at IS NULL);
CREATE INDEX idx_customer_identities_customer ON customer_identities USING btree (customer_id, id);
CREATE INDEX idx_customer_identities_session_key ON customer_identities USING btree (session_key_id);

CREATE TABLE customers (
  id bigserial,
  uuid uuid DEFAULT uuid_generate_v4(),
  username varchar(64) NOT NULL,
  email varchar(128) NOT NULL,
  password_hash varchar(256) NOT NULL,
  display_name varchar(128),
  avatar_url varchar(512),
  phone varchar(32),
  full_name varchar(256),
  company varchar(256),
  user_type varchar(32) DEFAULT 'external',
  account_type varchar(32) DEFAULT 'individual',
  status varchar(32) DEFAULT 'active',
  email_verified boolean DEFAULT false,
  phone_verified boolean DEFAULT false,
  last_login_at timestamptz,
  deleted_at timestamptz,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  balance numeric(20,4) NOT NULL DEFAULT 0.00,
  currency varchar(10) NOT NULL DEFAULT 'CNY',
  overdue_status varchar(20) NOT NULL DEFAULT 'normal',
  overdue_since timestamptz,
  last_payment_at timestamptz,
  credit_limit numeric(20,4) NOT NULL DEFAULT 0,
  share_weight integer NOT NULL DEFAULT 1,
  CONSTRAINT customers_pkey PRIMARY KEY (id),
  CONSTRAINT customers_credit_limit_check CHECK ((credit_limit >= (0)::numeric)),
  CONSTRAINT customers_email_key UNIQUE (email),
  CONSTRAINT customers_overdue_status_check CHECK ((overdue_status IN ('normal', 'overdue', 'suspended'))),
  CONSTRAINT customers_share_weight_check CHECK (((share_weight >= 1) AND (share_weight <= 1000))),
  CONSTRAINT customers_username_key UNIQUE (username),
  CONSTRAINT customers_uuid_key UNIQUE (uuid)
);
ALTER TABLE customers
  ADD CONSTRAINT customers_account_type_check CHECK ((account_type IN ('individual', 'enterprise'))) NOT VALID,
  ADD CONSTRAINT customers_status_check CHECK ((status IN ('active', 'suspended', 'deleted'))) NOT VALID,
  ADD CONSTRAINT customers_user_type_check CHECK ((user_type IN ('admin', 'internal', 'external'))) NOT VALID;
CREATE INDEX idx_customers_account_type ON customers USING btree (account_type);
CREATE INDEX idx_customers_email ON customers USING btree (email);
CREATE INDEX idx_customers_overdue_status ON customers USING btree (overdue_status);
CREATE INDEX idx_customers_status ON customers USING btree (status);
CREATE INDEX idx_customers_user_type ON customers USING btree (user_type);
CREATE INDEX idx_customers_username ON customers USING btree (username);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE data_copies (
  id bigserial,
  dataset_id bigint,
  model_id bigint,
  version integer NOT NULL,
  storage_pool varchar(64) NOT NULL,
  folder varchar(500) NOT NULL,
  status varchar(16) NOT NULL,
  status_reason text,
  manifest_sha256 character(64) NOT NULL,
  total_size bigint NOT NULL,
  file_count integer NOT NULL,
  epoch integer NOT NULL DEFAULT 1,
  begun_by bigint NOT NULL,
  begun_at timestamptz NOT NULL,
  ready_at timestamptz,
  announced_size bigint,
  merkle_root character(64),
  root_is_owners boolean NOT NULL DEFAULT false,
  status_reason_code varchar(64),
  status_reason_params jsonb,
  CONSTRAINT data_copies_pkey PRIMARY KEY (id),
  CONSTRAINT data_copies_announced_size_check CHECK ((announced_size >= 0)),
  CONSTRAINT data_copies_are_of_one CHECK (((dataset_id IS NULL) <> (model_id IS NULL))),
  CONSTRAINT data_copies_are_ready_since CHECK ((((status)::text = 'ready'::text) = (ready_at IS NOT NULL))),
  CONSTRAINT data_copies_epoch_check CHECK ((epoch > 0)),
  CONSTRAINT data_copies_err_for_a_reason CHECK ((((status)::text <> 'error'::text) OR (status_reason IS NOT NULL))),
  CONSTRAINT data_copies_file_count_check CHECK ((file_count >= 0)),
  CONSTRAINT data_copies_folder_check CHECK (((folder)::text <> ''::text)),
  CONSTRAINT data_copies_manifest_sha256_check CHECK ((manifest_sha256 ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT data_copies_merkle_root_check CHECK ((merkle_root ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT data_copies_status_check CHECK ((status IN ('uploading', 'ready', 'error'))),
  CONSTRAINT data_copies_storage_pool_check CHECK (((storage_pool)::text <> ''::text)),
  CONSTRAINT data_copies_total_size_check CHECK ((total_size >= 0)),
  CONSTRAINT data_copies_version_check CHECK ((version > 0))
);
CREATE INDEX idx_data_copies_begun_by ON data_copies USING btree (begun_by, begun_at);
CREATE UNIQUE INDEX idx_data_copies_dataset ON data_copies USING btree (dataset_id, version, storage_pool);
CREATE UNIQUE INDEX idx_data_copies_dataset_open ON data_copies USING btree (dataset_id) WHERE ((status)::text <> 'ready'::text);
CREATE UNIQUE INDEX idx_data_copies_model ON data_copies USING btree (model_id, version, storage_pool);
CREATE UNIQUE INDEX idx_data_copies_model_open ON data_copies USING btree (model_id) WHERE ((status)::text <> 'ready'::text);
CREATE INDEX idx_data_copies_pool ON data_copies USING btree (storage_pool);
CREATE TRIGGER forget_reason_code BEFORE UPDATE OF status_reason ON data_copies FOR EACH ROW WHEN (((new.status_reason_code IS NOT NULL) AND (new.status_reason IS DISTINCT FROM old.status_reason) AND (NOT ((new.status_reason_code)::text IS DISTINCT FROM (old.status_reason_code)::text)) AND (NOT (new.status_reason_params IS DISTINCT FROM old.status_reason_params)))) EXECUTE FUNCTION forget_reason_code();

CREATE TABLE data_pools (
  dataset_id bigint,
  model_id bigint,
  storage_pool varchar(64) NOT NULL,
  CONSTRAINT data_pools_are_of_one CHECK (((dataset_id IS NULL) <> (model_id IS NULL))),
  CONSTRAINT data_pools_storage_pool_check CHECK (((storage_pool)::text <> ''::text))
);
CREATE UNIQUE INDEX idx_data_pools_dataset ON data_pools USING btree (dataset_id, storage_pool);
CREATE UNIQUE INDEX idx_data_pools_model ON data_pools USING btree (model_id, storage_pool);
CREATE INDEX idx_data_pools_pool ON data_pools USING btree (storage_pool);

CREATE TABLE data_removals (
  id bigserial,
  customer_id bigint NOT NULL,
  ordered_at timestamptz NOT NULL,
  ordered_by varchar(160) NOT NULL,
  resource_type varchar(16) NOT NULL,
  resource_id varchar(64) NOT NULL,
  storage_pool varchar(64),
  folder varchar(512) NOT NULL,
  CONSTRAINT data_removals_pkey PRIMARY KEY (id),
  CONSTRAINT data_removals_resource_type_check CHECK ((resource_type IN ('environment', 'training', 'dataset', 'model')))
);
CREATE INDEX idx_data_removals_customer ON data_removals USING btree (customer_id, id);
CREATE UNIQUE INDEX idx_data_removals_folder ON data_removals USING btree (customer_id, resource_type, resource_id, COALESCE(storage_pool, ''::character varying), folder);

CREATE TABLE data_risks (
  customer_id bigint NOT NULL,
  overdue_since timestamptz NOT NULL,
  notified_day integer NOT NULL,
  notified_at timestamptz NOT NULL,
  CONSTRAINT data_risks_pkey PRIMARY KEY (customer_id),
  CONSTRAINT data_risks_notified_day_check CHECK ((notified_day = ANY (ARRAY[30, 53, 59, 60])))
);

CREATE TABLE dataset_versions (
  id bigserial,
  dataset_id bigint NOT NULL,
  version varchar(64) NOT NULL,
  storage_path varchar(512),
  created_at timestamptz DEFAULT now(),
  CONSTRAINT dataset_versions_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_dataset_versions_dataset ON dataset_versions USING btree (dataset_id);

CREATE TABLE datasets (
  id bigserial,
  uuid uuid DEFAULT uuid_generate_v4(),
  customer_id bigint NOT NULL,
  workspace_id bigint,
  name varchar(256) NOT NULL,
  description text,
  storage_path varchar(512) NOT NULL,
  storage_type varchar(32),
  total_size bigint DEFAULT 0,
  file_count integer DEFAULT 0,
  status varchar(20) DEFAULT 'uploading',
  visibility varchar(20) DEFAULT 'private',
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  CONSTRAINT datasets_pkey PRIMARY KEY (id),
  CONSTRAINT datasets_uuid_key UNIQUE (uuid)
);
ALTER TABLE datasets
  ADD CONSTRAINT datasets_status_check CHECK ((status IN ('uploading', 'ready', 'error'))) NOT VALID,
  ADD CONSTRAINT datasets_visibility_check CHECK ((visibility IN ('private', 'workspace', 'public'))) NOT VALID;
CREATE INDEX idx_datasets_customer ON datasets USING btree (customer_id);
CREATE INDEX idx_datasets_workspace ON datasets USING btree (workspace_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON datasets FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE ended_browser_sessions (
  token_hash varchar(64) NOT NULL,
  expires_at timestamptz NOT NULL,
  why varchar(32) NOT NULL,
  CONSTRAINT ended_browser_sessions_pkey PRIMARY KEY (token_hash),
  CONSTRAINT ended_browser_sessions_why CHECK ((why IN ('ended', 'crowded-out')))
);
CREATE INDEX idx_ended_browser_sessions_expires ON ended_browser_sessions USING btree (expires_at);

CREATE TABLE environments (
  id varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  workspace_id bigint,
  host_id varchar(64),
  name varchar(128) NOT NULL,
  description text,
  image varchar(256) NOT NULL,
  status varchar(20) DEFAULT 'creating',
  cpu integer NOT NULL,
  memory bigint NOT NULL,
  gpu integer DEFAULT 0,
  storage bigint,
  ssh_port integer,
  rdp_port integer,
  jupyter_port integer,
  container_id varchar(128),
  pod_name varchar(128),
  started_at timestamptz,
  stopped_at timestamptz,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  gpu_memory bigint,
  temp_storage bigint,
  ssh_enabled boolean DEFAULT true,
  rdp_enabled boolean DEFAULT false,
  jupyter_token varchar(128),
  jupyter_enabled boolean DEFAULT true,
  tensorboard_port integer,
  tensorboard_enabled boolean DEFAULT false,
  web_terminal_enabled boolean DEFAULT true,
  mounted_datasets jsonb,
  mounted_models jsonb,
  env_vars jsonb,
  config jsonb,
  deleted_at timestamptz,
  status_reason text,
  status_deadline_at timestamptz,
  storage_pool varchar(64),
  queued_at timestamptz,
  auto_release_hours integer,
  status_reason_code varchar(64),
  status_reason_params jsonb,
  CONSTRAINT environments_pkey PRIMARY KEY (id),
  CONSTRAINT environments_auto_release_hours_check CHECK (((auto_release_hours >= 1) AND (auto_release_hours <= 87600))),
  CONSTRAINT environments_config_check CHECK ((jsonb_typeof(config) = 'object'::text)),
  CONSTRAINT environments_env_vars_check CHECK (env_vars_ok(env_vars)),
  CONSTRAINT environments_mounted_datasets_check CHECK (mounts_at_paths_ok(mounted_datasets, '^/gemini/data-[1-3]$'::text)),
  CONSTRAINT environments_mounted_models_check CHECK (mounts_at_paths_ok(mounted_models, '^/gemini/pretrain[1-3]$'::text)),
  CONSTRAINT environments_new_size_check CHECK (((gpu_memory >= 0) AND (temp_storage >= 0))),
  CONSTRAINT environments_tensorboard_port_check CHECK (((tensorboard_port >= 1) AND (tensorboard_port <= 65535)))
);
ALTER TABLE environments
  ADD CONSTRAINT environments_port_check CHECK (((ssh_port >= 1) AND (ssh_port <= 65535) AND (rdp_port >= 1) AND (rdp_port <= 65535) AND (jupyter_port >= 1) AND (jupyter_port <= 65535))) NOT VALID,
  ADD CONSTRAINT environments_size_check CHECK (((cpu > 0) AND (memory > 0) AND (gpu >= 0) AND (storage >= 0))) NOT VALID,
  ADD CONSTRAINT environments_status_check CHECK (((status IS NOT NULL) AND (status IN ('queued', 'creating', 'running', 'stopping', 'restarting', 'stopped', 'error', 'deleting')))) NOT VALID;
CREATE INDEX idx_environments_config ON environments USING gin (config);
CREATE INDEX idx_environments_created_at ON environments USING btree (created_at DESC);
CREATE INDEX idx_environments_customer ON environments USING btree (customer_id);
CREATE INDEX idx_environments_deleted_at ON environments USING btree (deleted_at);
CREATE INDEX idx_environments_env_vars ON environments USING gin (env_vars);
CREATE INDEX idx_environments_host ON environments USING btree (host_id);
CREATE INDEX idx_environments_mounted_datasets ON environments USING gin (mounted_datasets);
CREATE INDEX idx_environments_mounted_models ON environments USING gin (mounted_models);
CREATE INDEX idx_environments_status ON environments USING btree (status);
CREATE INDEX idx_environments_storage_pool ON environments USING btree (storage_pool);
CREATE INDEX idx_environments_updated_at ON environments USING btree (updated_at);
CREATE INDEX idx_environments_web_name ON environments USING btree (web_name_of((id)::text));
CREATE INDEX idx_environments_workspace ON environments USING btree (workspace_id);
CREATE TRIGGER forget_reason_code BEFORE UPDATE OF status_reason ON environments FOR EACH ROW WHEN (((new.status_reason_code IS NOT NULL) AND (new.status_reason IS DISTINCT FROM old.status_reason) AND (NOT ((new.status_reason_code)::text IS DISTINCT FROM (old.status_reason_code)::text)) AND (NOT (new.status_reason_params IS DISTINCT FROM old.status_reason_params)))) EXECUTE FUNCTION forget_reason_code();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON environments FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE events (
  id bigserial,
  at timestamptz NOT NULL DEFAULT now(),
  workload_kind varchar(16),
  workload_id varchar(64),
  instance_id varchar(64),
  host_id varchar(64),
  gpu_uuid varchar(128),
  customer_id bigint,
  actor varchar(160),
  kind varchar(64) NOT NULL,
  old text,
  new text,
  reason text,
  reason_code varchar(64),
  reason_params jsonb,
  trace_id varchar(32),
  CONSTRAINT events_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_events_customer ON events USING btree (customer_id, id);
CREATE INDEX idx_events_host ON events USING btree (host_id, id);
CREATE INDEX idx_events_workload ON events USING btree (workload_kind, workload_id, id);

CREATE TABLE fleet_upgrade_hosts (
  upgrade_id varchar(64) NOT NULL,
  host_id varchar(64) NOT NULL,
  wave integer NOT NULL,
  state varchar(16) NOT NULL DEFAULT 'waiting',
  from_version varchar(96),
  ordered_at timestamptz,
  ended_at timestamptz,
  attempt_before varchar(96),
  conditions_before text[] NOT NULL DEFAULT '{}',
  lagging_head bigint,
  lagging_since timestamptz,
  acknowledged_at timestamptz,
  reason text,
  reason_code varchar(64),
  reason_params jsonb,
  CONSTRAINT fleet_upgrade_hosts_pkey PRIMARY KEY (upgrade_id, host_id),
  CONSTRAINT fleet_upgrade_hosts_state_check CHECK ((state IN ('waiting', 'ordered', 'upgraded', 'reverted', 'refused', 'overdue', 'skipped'))),
  CONSTRAINT fleet_upgrade_hosts_wave_check CHECK ((wave >= 0))
);
CREATE INDEX idx_fleet_upgrade_hosts_host ON fleet_upgrade_hosts USING btree (host_id);

CREATE TABLE fleet_upgrades (
  id varchar(64) NOT NULL,
  version varchar(96) NOT NULL,
  manifest_sha256 varchar(64) NOT NULL,
  state varchar(16) NOT NULL DEFAULT 'running',
  wave integer NOT NULL DEFAULT 0,
  wave_count integer NOT NULL,
  calm_since timestamptz,
  status_reason text,
  status_reason_code varchar(64),
  status_reason_params jsonb,
  started_by varchar(64) NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT fleet_upgrades_pkey PRIMARY KEY (id),
  CONSTRAINT fleet_upgrades_check CHECK (((state IN ('finished', 'aborted')) = (ended_at IS NOT NULL))),
  CONSTRAINT fleet_upgrades_manifest_sha256_check CHECK (((manifest_sha256)::text ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT fleet_upgrades_state_check CHECK ((state IN ('running', 'paused', 'halted', 'finished', 'aborted'))),
  CONSTRAINT fleet_upgrades_wave_check CHECK ((wave >= 0)),
  CONSTRAINT fleet_upgrades_wave_count_check CHECK ((wave_count > 0))
);
CREATE UNIQUE INDEX uq_fleet_upgrades_open ON fleet_upgrades USING btree ((true)) WHERE (ended_at IS NULL);

CREATE TABLE gang_breaks (
  run_id varchar(64) NOT NULL,
  broken_by varchar(64) NOT NULL,
  since timestamptz NOT NULL,
  sentence text NOT NULL,
  noticed_at timestamptz NOT NULL,
  has_card_fault boolean NOT NULL DEFAULT false,
  sentence_code varchar(64),
  sentence_params jsonb,
  CONSTRAINT gang_breaks_pkey PRIMARY KEY (run_id, broken_by)
);
CREATE INDEX idx_gang_breaks_broken_by ON gang_breaks USING btree (broken_by);
CREATE INDEX idx_gang_breaks_noticed_at ON gang_breaks USING btree (noticed_at);

CREATE TABLE gang_pair_skips (
  host_id varchar(64) NOT NULL,
  other_host_id varchar(64) NOT NULL,
  reason text NOT NULL,
  until timestamptz NOT NULL,
  CONSTRAINT gang_pair_skips_pkey PRIMARY KEY (host_id, other_host_id),
  CONSTRAINT gang_pair_skips_in_order CHECK (((host_id)::text < (other_host_id)::text))
);
CREATE INDEX idx_gang_pair_skips_other ON gang_pair_skips USING btree (other_host_id);
CREATE INDEX idx_gang_pair_skips_until ON gang_pair_skips USING btree (until);

CREATE TABLE gateway_reports (
  gateway_id varchar(64) NOT NULL,
  routes_as_of timestamptz NOT NULL,
  reported_at timestamptz NOT NULL,
  services jsonb NOT NULL,
  CONSTRAINT gateway_reports_pkey PRIMARY KEY (gateway_id)
);

CREATE TABLE gateway_routes (
  gateway_id varchar(64) NOT NULL,
  host_id varchar(64) NOT NULL,
  route varchar(16) NOT NULL,
  detail text NOT NULL DEFAULT '',
  since timestamptz NOT NULL,
  detail_code varchar(64),
  detail_params jsonb,
  CONSTRAINT gateway_routes_pkey PRIMARY KEY (gateway_id, host_id),
  CONSTRAINT gateway_routes_route_check CHECK ((route IN ('direct', 'reversed', 'none')))
);
CREATE INDEX idx_gateway_routes_host ON gateway_routes USING btree (host_id);

CREATE TABLE gateways (
  id varchar(64) NOT NULL,
  name varchar(64) NOT NULL,
  tunnel_host varchar(256),
  tunnel_port integer,
  web_base varchar(512),
  started_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  service_base varchar(512),
  service_domain varchar(512),
  CONSTRAINT gateways_pkey PRIMARY KEY (id),
  CONSTRAINT gateways_name_check CHECK (((name)::text <> ''::text)),
  CONSTRAINT gateways_tunnel_is_whole CHECK (((tunnel_host IS NULL) = (tunnel_port IS NULL))),
  CONSTRAINT gateways_tunnel_port_check CHECK (((tunnel_port >= 1) AND (tunnel_port <= 65535)))
);

CREATE TABLE gpu_allocations (
  id bigserial,
  gpu_uuid varchar(128) NOT NULL,
  mode varchar(16),
  slot integer NOT NULL DEFAULT 0,
  memory_mib integer,
  share_thousandths integer,
  instance_id varchar(64) NOT NULL,
  epoch integer NOT NULL,
  allocated_at timestamptz NOT NULL DEFAULT now(),
  released_at timestamptz,
  CONSTRAINT gpu_allocations_pkey PRIMARY KEY (id),
  CONSTRAINT gpu_allocations_live_has_mode CHECK (((mode IS NULL) = (released_at IS NOT NULL))),
  CONSTRAINT gpu_allocations_memory_mib_check CHECK ((memory_mib > 0)),
  CONSTRAINT gpu_allocations_mode_check CHECK ((mode IN ('exclusive', 'shared'))),
  CONSTRAINT gpu_allocations_share_thousandths_check CHECK (((share_thousandths >= 1) AND (share_thousandths <= 1000))),
  CONSTRAINT gpu_allocations_slice_has_memory CHECK ((((mode)::text <> 'shared'::text) OR (memory_mib IS NOT NULL))),
  CONSTRAINT gpu_allocations_slot_check CHECK ((slot >= 0))
);
CREATE UNIQUE INDEX gpu_allocations_one_exclusive ON gpu_allocations USING btree (gpu_uuid) WHERE ((mode)::text = 'exclusive'::text);
CREATE UNIQUE INDEX gpu_allocations_one_per_slot ON gpu_allocations USING btree (gpu_uuid, slot) WHERE ((mode)::text = 'shared'::text);
CREATE INDEX idx_gpu_allocations_gpu ON gpu_allocations USING btree (gpu_uuid, mode);
CREATE INDEX idx_gpu_allocations_placement ON gpu_allocations USING btree (instance_id, epoch);
CREATE INDEX idx_gpu_allocations_released_at ON gpu_allocations USING btree (released_at);

CREATE TABLE gpu_closures (
  run_id varchar(64) NOT NULL,
  gpu_uuid varchar(128) NOT NULL,
  customer_id bigint NOT NULL,
  workload_id varchar(64) NOT NULL,
  host_id varchar(64) NOT NULL,
  code varchar(48),
  closed_at timestamptz NOT NULL,
  CONSTRAINT gpu_closures_pkey PRIMARY KEY (run_id, gpu_uuid)
);
CREATE INDEX idx_gpu_closures_customer ON gpu_closures USING btree (customer_id, closed_at);
CREATE INDEX idx_gpu_closures_workload ON gpu_closures USING btree (workload_id, closed_at);

CREATE TABLE gpu_fault_events (
  gpu_uuid varchar(128) NOT NULL,
  gravity varchar(8) NOT NULL,
  reported_at timestamptz NOT NULL,
  CONSTRAINT gpu_fault_events_pkey PRIMARY KEY (gpu_uuid, gravity),
  CONSTRAINT gpu_fault_events_gravity_check CHECK ((gravity IN ('drain', 'sign', 'fatal')))
);

CREATE TABLE gpu_health (
  gpu_uuid varchar(128) NOT NULL,
  reasons text[] NOT NULL DEFAULT '{}',
  host_cordon varchar(16),
  host_cordon_since_ms bigint,
  cordoned_by_host boolean NOT NULL DEFAULT false,
  lifted_since_ms bigint,
  ecc_uncorrected bigint,
  ecc_uncorrected_total bigint,
  repair_pending boolean,
  repair_failed boolean,
  throttle_reasons text[],
  strangers jsonb NOT NULL DEFAULT '[]',
  foreign_memory_mib integer,
  reason_code varchar(48),
  has_sign boolean NOT NULL DEFAULT false,
  reason_data jsonb,
  CONSTRAINT gpu_health_pkey PRIMARY KEY (gpu_uuid),
  CONSTRAINT gpu_health_cordon_has_moment CHECK (((host_cordon IS NULL) = (host_cordon_since_ms IS NULL))),
  CONSTRAINT gpu_health_host_cordon_check CHECK ((host_cordon IN ('drain', 'fatal'))),
  CONSTRAINT gpu_health_strangers_check CHECK ((jsonb_typeof(strangers) = 'array'::text))
);

CREATE TABLE gpu_history (
  gpu_id bigint NOT NULL,
  hour timestamptz NOT NULL,
  samples smallint[] NOT NULL,
  utilization smallint[] NOT NULL,
  memory_used integer[] NOT NULL,
  temperature smallint[] NOT NULL,
  power smallint[] NOT NULL,
  CONSTRAINT gpu_history_pkey PRIMARY KEY (gpu_id, hour)
);
CREATE INDEX idx_gpu_history_hour ON gpu_history USING btree (hour);

CREATE TABLE gpu_outages (
  id bigserial,
  gpu_uuid varchar(128) NOT NULL,
  host_id varchar(64) NOT NULL,
  last_good_at timestamptz NOT NULL,
  noticed_at timestamptz NOT NULL,
  fault text,
  vanished_at timestamptz,
  recovered_at timestamptz,
  event_ids bigint[] NOT NULL DEFAULT '{}'::bigint[],
  settled_at timestamptz,
  fault_code varchar(48),
  CONSTRAINT gpu_outages_pkey PRIMARY KEY (id),
  CONSTRAINT gpu_outages_in_order CHECK (((last_good_at <= noticed_at) AND (noticed_at <= recovered_at))),
  CONSTRAINT gpu_outages_settled_when_over CHECK (((settled_at IS NULL) OR (recovered_at IS NOT NULL)))
);
CREATE UNIQUE INDEX gpu_outages_one_open ON gpu_outages USING btree (gpu_uuid) WHERE (recovered_at IS NULL);
CREATE INDEX idx_gpu_outages_gpu ON gpu_outages USING btree (gpu_uuid);
CREATE INDEX idx_gpu_outages_host ON gpu_outages USING btree (host_id);
CREATE INDEX idx_gpu_outages_unsettled ON gpu_outages USING btree (id) WHERE (settled_at IS NULL);

CREATE TABLE gpus (
  id bigserial,
  host_id varchar(64) NOT NULL,
  gpu_index integer NOT NULL,
  uuid varchar(128),
  name varchar(128),
  brand varchar(64),
  architecture varchar(64),
  memory_total bigint,
  compute_capability varchar(16),
  status varchar(20) DEFAULT 'available',
  health_status varchar(20) DEFAULT 'healthy',
  allocated_to varchar(64),
  allocated_at timestamptz,
  power_limit integer,
  temperature_limit integer,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  simulated boolean NOT NULL DEFAULT false,
  pci_bus_id varchar(32),
  driver_version varchar(32),
  cordoned boolean NOT NULL DEFAULT false,
  cordon_reason text,
  memory_used_mib integer,
  utilization_percent integer,
  temperature_c integer,
  power_w numeric,
  last_seen_at timestamptz,
  vanished_at timestamptz,
  conflict_host_id varchar(64),
  sharing_mode varchar(16),
  nvlink_island integer,
  cordon_reason_code varchar(64),
  cordon_reason_params jsonb,
  memory_split jsonb,
  CONSTRAINT gpus_pkey PRIMARY KEY (id),
  CONSTRAINT gpus_host_id_gpu_index_key UNIQUE (host_id, gpu_index) DEFERRABLE,
  CONSTRAINT gpus_sharing_mode_check CHECK ((sharing_mode IN ('exclusive', 'shared'))),
  CONSTRAINT gpus_uuid_key UNIQUE (uuid),
  CONSTRAINT gpus_uuid_sharing_mode_key UNIQUE (uuid, sharing_mode)
);
ALTER TABLE gpus
  ADD CONSTRAINT gpus_health_status_check CHECK ((health_status IN ('healthy', 'degraded', 'unhealthy', 'unknown'))) NOT VALID,
  ADD CONSTRAINT gpus_status_check CHECK ((status IN ('available', 'allocated', 'maintenance', 'error'))) NOT VALID;
CREATE TRIGGER set_updated_at BEFORE UPDATE ON gpus FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE held_hours (
  hour timestamptz NOT NULL,
  customer_id bigint NOT NULL,
  workspace_id bigint NOT NULL DEFAULT 0,
  cpu_seconds bigint NOT NULL,
  memory_seconds bigint NOT NULL,
  gpu_seconds bigint NOT NULL,
  last_start_at timestamptz,
  payers_turn_at timestamptz,
  workspaces_turn_at timestamptz,
  CONSTRAINT held_hours_pkey PRIMARY KEY (hour, customer_id, workspace_id)
);

CREATE TABLE host_boots (
  host_id varchar(64) NOT NULL,
  boot_id uuid NOT NULL,
  utc_at_zero timestamptz NOT NULL,
  round_trip_ms integer,
  fixed_at timestamptz,
  measured_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT host_boots_pkey PRIMARY KEY (host_id, boot_id),
  CONSTRAINT host_boots_round_trip_ms_check CHECK ((round_trip_ms >= 0))
);

CREATE TABLE host_canaries (
  host_id varchar(64) NOT NULL,
  reported_ms bigint NOT NULL,
  outcome varchar(16) NOT NULL,
  detail varchar(300),
  heard_at timestamptz NOT NULL,
  tried_at timestamptz,
  succeeded jsonb NOT NULL DEFAULT '[]',
  unclear text[] NOT NULL DEFAULT '{}',
  failures integer NOT NULL DEFAULT 0,
  detail_code varchar(64),
  detail_params jsonb,
  CONSTRAINT host_canaries_pkey PRIMARY KEY (host_id),
  CONSTRAINT host_canaries_failures_check CHECK ((failures >= 0)),
  CONSTRAINT host_canaries_outcome_check CHECK ((outcome IN ('refused', 'succeeded', 'left-out', 'failed', 'off'))),
  CONSTRAINT host_canaries_reported_ms_check CHECK ((reported_ms >= 0)),
  CONSTRAINT host_canaries_succeeded_check CHECK ((jsonb_typeof(succeeded) = 'array'::text))
);

CREATE TABLE host_credentials (
  nkey varchar(56) NOT NULL,
  host_id varchar(64) NOT NULL,
  jwt_expires_at timestamptz,
  issued_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz,
  CONSTRAINT host_credentials_pkey PRIMARY KEY (nkey)
);
CREATE INDEX idx_host_credentials_host ON host_credentials USING btree (host_id);

CREATE TABLE host_cve_waivers (
  host_id varchar(64) NOT NULL,
  reason varchar(500) NOT NULL,
  cves text[] NOT NULL,
  waived_by bigint,
  waived_at timestamptz NOT NULL,
  expires_at timestamptz,
  CONSTRAINT host_cve_waivers_pkey PRIMARY KEY (host_id),
  CONSTRAINT host_cve_waivers_cves_check CHECK (((cardinality(cves) >= 1) AND (cardinality(cves) <= 64))),
  CONSTRAINT host_cve_waivers_reason_check CHECK (((reason)::text <> ''::text))
);

CREATE TABLE host_deaths (
  host_id varchar(64) NOT NULL,
  boot_id uuid NOT NULL,
  cause varchar(16) NOT NULL,
  last_heard_at timestamptz NOT NULL,
  noticed_at timestamptz NOT NULL,
  journal_id uuid,
  head_seq bigint,
  settled_at timestamptz,
  CONSTRAINT host_deaths_pkey PRIMARY KEY (host_id, boot_id),
  CONSTRAINT host_deaths_cause_check CHECK ((cause IN ('rebooted', 'lost'))),
  CONSTRAINT host_deaths_in_order CHECK ((last_heard_at <= noticed_at))
);
CREATE INDEX idx_host_deaths_unsettled ON host_deaths USING btree (noticed_at) WHERE (settled_at IS NULL);

CREATE TABLE host_drains (
  host_id varchar(64) NOT NULL,
  reason text,
  deadline_at timestamptz NOT NULL,
  ordered_by varchar(64) NOT NULL,
  ordered_at timestamptz NOT NULL,
  CONSTRAINT host_drains_pkey PRIMARY KEY (host_id)
);
CREATE INDEX idx_host_drains_deadline ON host_drains USING btree (deadline_at);

CREATE TABLE host_drills (
  id bigserial,
  host_id varchar(64) NOT NULL,
  ended_at timestamptz NOT NULL,
  heard_at timestamptz NOT NULL,
  passed boolean NOT NULL,
  document text NOT NULL,
  signature varchar(128) NOT NULL,
  CONSTRAINT host_drills_pkey PRIMARY KEY (id),
  CONSTRAINT host_drills_host_id_signature_key UNIQUE (host_id, signature)
);

CREATE TABLE host_images (
  host_id varchar(64) NOT NULL,
  images varchar(256)[] NOT NULL,
  CONSTRAINT host_images_pkey PRIMARY KEY (host_id),
  CONSTRAINT host_images_images_check CHECK ((cardinality(images) <= 200))
);

CREATE TABLE host_journals (
  host_id varchar(64) NOT NULL,
  journal_id uuid NOT NULL,
  watermark bigint NOT NULL DEFAULT 0,
  watermark_hash varchar(64),
  head_seq bigint,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_batch_at timestamptz,
  CONSTRAINT host_journals_pkey PRIMARY KEY (host_id, journal_id),
  CONSTRAINT host_journals_head_seq_check CHECK ((head_seq >= 0)),
  CONSTRAINT host_journals_watermark_check CHECK ((watermark >= 0))
);

CREATE TABLE host_kernel_notes (
  host_id varchar(64) NOT NULL,
  device varchar(32) NOT NULL,
  code varchar(48) NOT NULL,
  boot_id uuid NOT NULL,
  count integer NOT NULL,
  reported_at timestamptz NOT NULL,
  CONSTRAINT host_kernel_notes_pkey PRIMARY KEY (host_id, device, code),
  CONSTRAINT host_kernel_notes_count_check CHECK ((count > 0))
);

CREATE TABLE host_pulls (
  host_id varchar(64) NOT NULL,
  image varchar(256) NOT NULL,
  fetch_id varchar(63),
  state varchar(16) NOT NULL,
  layers_done bigint,
  layers bigint,
  bytes_done bigint,
  bytes bigint,
  problem varchar(32),
  operator_detail varchar(1000),
  reported_at timestamptz NOT NULL,
  instance_ids text[],
  CONSTRAINT host_pulls_state_check CHECK ((state IN ('waiting', 'pulling', 'present', 'failed')))
);
CREATE UNIQUE INDEX host_pulls_each ON host_pulls USING btree (host_id, image, fetch_id, (
CASE
    WHEN (fetch_id IS NULL) THEN instance_ids[1]
    ELSE NULL::text
END)) NULLS NOT DISTINCT;

CREATE TABLE host_versions (
  host_id varchar(64) NOT NULL,
  reported jsonb NOT NULL,
  reported_at timestamptz NOT NULL,
  open_cves text[] NOT NULL DEFAULT '{}',
  table_edition integer NOT NULL,
  CONSTRAINT host_versions_pkey PRIMARY KEY (host_id)
);

CREATE TABLE hosts (
  id varchar(64) NOT NULL,
  name varchar(128) NOT NULL,
  hostname varchar(256),
  ip_address varchar(64) NOT NULL,
  public_ip varchar(64),
  os_type varchar(32),
  os_version varchar(64),
  arch varchar(32) DEFAULT 'x86_64',
  deployment_mode varchar(32),
  status varchar(20) DEFAULT 'offline',
  health_status varchar(20) DEFAULT 'unknown',
  total_cpu integer DEFAULT 0,
  total_memory bigint DEFAULT 0,
  total_disk bigint DEFAULT 0,
  total_gpu integer DEFAULT 0,
  used_cpu integer DEFAULT 0,
  used_memory bigint DEFAULT 0,
  used_disk bigint DEFAULT 0,
  used_gpu integer DEFAULT 0,
  ssh_port integer DEFAULT 22,
  agent_port integer,
  labels jsonb,
  tags text[],
  last_heartbeat timestamptz,
  registered_at timestamptz DEFAULT now(),
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  connection varchar(20) NOT NULL DEFAULT 'never',
  cordoned boolean NOT NULL DEFAULT false,
  cordon_reason text,
  storage_pool varchar(64),
  generation bigint NOT NULL DEFAULT 0,
  applied_generation bigint NOT NULL DEFAULT 0,
  applied_term bigint NOT NULL DEFAULT 0,
  agent_epoch bigint,
  boot_id uuid,
  agent_version varchar(32),
  protocol_min integer,
  protocol_max integer,
  attach_mode varchar(16),
  simulated boolean NOT NULL DEFAULT false,
  degraded text[] NOT NULL DEFAULT '{}',
  observed_digest varchar(64),
  observed_at timestamptz,
  status_reason text,
  confirmed_stops bigint,
  revoked_at timestamptz,
  deleted_at timestamptz,
  restore_detected_at timestamptz,
  gateway_port integer,
  storage_requested_at timestamptz,
  features text[] NOT NULL DEFAULT '{}',
  observed_substance varchar(64),
  clock_offset_ms bigint,
  claimed_storage_pool varchar(64),
  pool_state varchar(16) NOT NULL DEFAULT 'trusted',
  pool_member_since timestamptz,
  pool_proved_at timestamptz,
  pool_proof_due_at timestamptz,
  pool_tried_at timestamptz,
  pool_failure text,
  seen_addresses text[] NOT NULL DEFAULT '{}',
  confirmed_address varchar(64),
  own_network varchar(128),
  status_reason_code varchar(64),
  status_reason_params jsonb,
  pool_failure_code varchar(64),
  pool_failure_params jsonb,
  agent_upgrade jsonb,
  target_release jsonb,
  CONSTRAINT hosts_pkey PRIMARY KEY (id),
  CONSTRAINT hosts_attach_mode_check CHECK ((attach_mode IN ('cdi', 'gpus', 'plain'))),
  CONSTRAINT hosts_connection_check CHECK ((connection IN ('never', 'connected', 'suspect', 'unreachable'))),
  CONSTRAINT hosts_generation_check CHECK (((generation >= 0) AND (applied_generation >= 0) AND (applied_term >= 0))),
  CONSTRAINT hosts_pool_is_no_other_host CHECK ((((storage_pool)::text = (id)::text) OR ((storage_pool)::text !~ '^host-[0-9a-f]{20}$'::text))),
  CONSTRAINT hosts_pool_state CHECK ((pool_state IN ('trusted', 'waiting', 'failed', 'overdue')))
);
ALTER TABLE hosts
  ADD CONSTRAINT hosts_health_status_check CHECK ((health_status IN ('healthy', 'degraded', 'unhealthy', 'unknown'))) NOT VALID,
  ADD CONSTRAINT hosts_port_check CHECK (((ssh_port >= 1) AND (ssh_port <= 65535) AND (agent_port >= 1) AND (agent_port <= 65535))) NOT VALID,
  ADD CONSTRAINT hosts_seen_addresses CHECK ((cardinality(seen_addresses) <= 4)) NOT VALID,
  ADD CONSTRAINT hosts_status_check CHECK ((status IN ('offline', 'online', 'maintenance'))) NOT VALID;
CREATE INDEX idx_hosts_labels ON hosts USING gin (labels);
CREATE TRIGGER forget_reason_code BEFORE UPDATE OF status_reason ON hosts FOR EACH ROW WHEN (((new.status_reason_code IS NOT NULL) AND (new.status_reason IS DISTINCT FROM old.status_reason) AND (NOT ((new.status_reason_code)::text IS DISTINCT FROM (old.status_reason_code)::text)) AND (NOT (new.status_reason_params IS DISTINCT FROM old.status_reason_params)))) EXECUTE FUNCTION forget_reason_code();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON hosts FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE hour_ticks (
  hour timestamptz NOT NULL,
  term bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  runs_charged integer,
  amount numeric(38,4),
  CONSTRAINT hour_ticks_pkey PRIMARY KEY (hour),
  CONSTRAINT hour_ticks_hour_check CHECK ((mod(EXTRACT(epoch FROM hour), (3600)::numeric) = (0)::numeric))
);

CREATE TABLE idempotency_keys (
  api_key_id bigint NOT NULL,
  route varchar(256) NOT NULL,
  key varchar(255) NOT NULL,
  body_hash varchar(64) NOT NULL,
  state varchar(16) NOT NULL DEFAULT 'in_progress',
  response_status integer,
  response_body jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (api_key_id, route, key),
  CONSTRAINT idempotency_keys_state_check CHECK ((state IN ('in_progress', 'done')))
);
CREATE INDEX idx_idempotency_keys_created_at ON idempotency_keys USING btree (created_at);

CREATE TABLE identity_invitations (
  id bigserial,
  token_hash varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT identity_invitations_pkey PRIMARY KEY (id),
  CONSTRAINT identity_invitations_end_later CHECK ((expires_at > created_at)),
  CONSTRAINT identity_invitations_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX idx_identity_invitations_customer ON identity_invitations USING btree (customer_id);

CREATE TABLE idle_watches (
  env_id varchar(64) NOT NULL,
  run_id varchar(64) NOT NULL,
  idle_since timestamptz NOT NULL,
  checked_at timestamptz NOT NULL,
  cpu_ms bigint,
  cpu_reported_at timestamptz,
  warned_at timestamptz,
  cpu_percent numeric(9,1) NOT NULL DEFAULT 0,
  gpu_percent integer NOT NULL DEFAULT 0,
  CONSTRAINT idle_watches_pkey PRIMARY KEY (env_id),
  CONSTRAINT idle_watches_cpu_ms_check CHECK ((cpu_ms >= 0)),
  CONSTRAINT idle_watches_cpu_percent_check CHECK ((cpu_percent >= (0)::numeric)),
  CONSTRAINT idle_watches_gpu_percent_check CHECK ((gpu_percent >= 0))
);

CREATE TABLE image_fetches (
  id varchar(63) NOT NULL,
  workload_kind varchar(16) NOT NULL,
  workload_id varchar(64) NOT NULL,
  first_rank integer NOT NULL DEFAULT 0,
  host_id varchar(64) NOT NULL,
  image varchar(256) NOT NULL,
  since timestamptz NOT NULL,
  ended_at timestamptz,
  outcome varchar(16),
  problem varchar(32),
  pulled_ms bigint NOT NULL DEFAULT 0,
  pulling_since timestamptz,
  payer_id bigint,
  CONSTRAINT image_fetches_pkey PRIMARY KEY (id),
  CONSTRAINT image_fetches_end_check CHECK (((ended_at IS NULL) = (outcome IS NULL))),
  CONSTRAINT image_fetches_first_rank_check CHECK ((first_rank >= 0)),
  CONSTRAINT image_fetches_outcome_check CHECK ((outcome IN ('present', 'failed', 'not-wanted', 'not-allowed', 'not-begun', 'host-away'))),
  CONSTRAINT image_fetches_problem_check CHECK (((problem IS NULL) = ((outcome)::text IS DISTINCT FROM 'failed'::text))),
  CONSTRAINT image_fetches_workload_kind_check CHECK ((workload_kind IN ('environment', 'training', 'inference')))
);
CREATE INDEX idx_image_fetches_host ON image_fetches USING btree (host_id);
CREATE UNIQUE INDEX image_fetches_one_open ON image_fetches USING btree (workload_kind, workload_id, first_rank) WHERE (ended_at IS NULL);

CREATE TABLE images (
  id bigserial,
  name varchar(256) NOT NULL,
  display_name varchar(256),
  category varchar(64),
  framework varchar(64),
  framework_version varchar(64),
  cuda_version varchar(32),
  python_version varchar(32),
  is_official boolean DEFAULT false,
  size bigint,
  registry_url varchar(512),
  status varchar(20) DEFAULT 'active',
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  CONSTRAINT images_pkey PRIMARY KEY (id),
  CONSTRAINT images_name_key UNIQUE (name)
);
ALTER TABLE images
  ADD CONSTRAINT images_status_check CHECK ((status IN ('active', 'deprecated'))) NOT VALID;
CREATE TRIGGER set_updated_at BEFORE UPDATE ON images FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE inference_services (
  id varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  workspace_id bigint,
  name varchar(256) NOT NULL,
  description text,
  model_id bigint,
  model_version varchar(64),
  framework varchar(64),
  status varchar(20) DEFAULT 'creating',
  endpoint_url varchar(512),
  cpu integer,
  memory bigint,
  gpu integer,
  replicas integer DEFAULT 1,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  image varchar(256) NOT NULL,
  min_replicas integer DEFAULT 1,
  max_replicas integer DEFAULT 10,
  autoscaling_enabled boolean DEFAULT false,
  autoscaling_config jsonb,
  version varchar(64),
  previous_version varchar(64),
  health_check_path varchar(256),
  health_check_interval integer DEFAULT 30,
  env_vars jsonb,
  gpu_memory bigint,
  deleted_at timestamptz,
  config jsonb,
  status_reason text,
  status_deadline_at timestamptz,
  desired_replicas integer,
  replica_failures integer NOT NULL DEFAULT 0,
  replace_after timestamptz,
  serving_revision integer,
  previous_revision integer,
  autoscaling_dry_run boolean NOT NULL DEFAULT false,
  load_replicas integer,
  woken_at timestamptz,
  status_reason_code varchar(64),
  status_reason_params jsonb,
  CONSTRAINT inference_services_pkey PRIMARY KEY (id),
  CONSTRAINT inference_services_autoscaling_config_check CHECK ((jsonb_typeof(autoscaling_config) = 'object'::text)),
  CONSTRAINT inference_services_config_check CHECK ((jsonb_typeof(config) = 'object'::text)),
  CONSTRAINT inference_services_desired_replicas_check CHECK ((desired_replicas >= 0)),
  CONSTRAINT inference_services_env_vars_check CHECK (env_vars_ok(env_vars)),
  CONSTRAINT inference_services_health_check_interval_check CHECK ((health_check_interval >= 1)),
  CONSTRAINT inference_services_load_replicas_check CHECK ((load_replicas >= 0)),
  CONSTRAINT inference_services_new_size_check CHECK ((gpu_memory >= 0)),
  CONSTRAINT inference_services_replica_failures_check CHECK ((replica_failures >= 0))
);
ALTER TABLE inference_services
  ADD CONSTRAINT inference_services_replicas_check CHECK (((min_replicas >= 0) AND (max_replicas >= 1) AND (min_replicas <= max_replicas) AND ((replicas = 0) OR ((replicas >= min_replicas) AND (replicas <= max_replicas))))) NOT VALID,
  ADD CONSTRAINT inference_services_size_check CHECK (((cpu > 0) AND (memory > 0) AND (gpu >= 0))) NOT VALID,
  ADD CONSTRAINT inference_services_status_check CHECK (((status IS NOT NULL) AND (status IN ('creating', 'running', 'stopping', 'stopped', 'error')))) NOT VALID;
CREATE INDEX idx_inference_services_autoscaling_config ON inference_services USING gin (autoscaling_config);
CREATE INDEX idx_inference_services_customer ON inference_services USING btree (customer_id);
CREATE INDEX idx_inference_services_deleted_at ON inference_services USING btree (deleted_at);
CREATE INDEX idx_inference_services_env_vars ON inference_services USING gin (env_vars);
CREATE INDEX idx_inference_services_model ON inference_services USING btree (model_id);
CREATE INDEX idx_inference_services_status ON inference_services USING btree (status);
CREATE INDEX idx_inference_services_updated_at ON inference_services USING btree (updated_at);
CREATE INDEX idx_inference_services_workspace ON inference_services USING btree (workspace_id);
CREATE TRIGGER forget_reason_code BEFORE UPDATE OF status_reason ON inference_services FOR EACH ROW WHEN (((new.status_reason_code IS NOT NULL) AND (new.status_reason IS DISTINCT FROM old.status_reason) AND (NOT ((new.status_reason_code)::text IS DISTINCT FROM (old.status_reason_code)::text)) AND (NOT (new.status_reason_params IS DISTINCT FROM old.status_reason_params)))) EXECUTE FUNCTION forget_reason_code();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON inference_services FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE instance_figures (
  instance_id varchar(64) NOT NULL,
  run_id varchar(64) NOT NULL,
  cpu_ms bigint,
  network_in_bytes bigint,
  network_out_bytes bigint,
  last_output_at timestamptz,
  reported_at timestamptz NOT NULL,
  CONSTRAINT instance_figures_pkey PRIMARY KEY (instance_id),
  CONSTRAINT instance_figures_cpu_ms_check CHECK ((cpu_ms >= 0)),
  CONSTRAINT instance_figures_network_in_bytes_check CHECK ((network_in_bytes >= 0)),
  CONSTRAINT instance_figures_network_out_bytes_check CHECK ((network_out_bytes >= 0))
);

CREATE TABLE instances (
  id varchar(64) NOT NULL,
  workload_kind varchar(16) NOT NULL,
  workload_id varchar(64) NOT NULL,
  rank integer NOT NULL DEFAULT 0,
  current_epoch integer NOT NULL DEFAULT 0,
  state varchar(16) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  known_epoch integer NOT NULL DEFAULT 0,
  revision integer,
  dismissed_at timestamptz,
  dismissal text,
  draining_since timestamptz,
  draining_why text,
  drain_announced_at timestamptz,
  failure varchar(8),
  lacks text,
  given_up text,
  lacks_code varchar(64),
  lacks_params jsonb,
  given_up_code varchar(64),
  given_up_params jsonb,
  draining_why_code varchar(64),
  draining_why_params jsonb,
  dismissal_code varchar(64),
  dismissal_params jsonb,
  CONSTRAINT instances_pkey PRIMARY KEY (id),
  CONSTRAINT instances_current_epoch_check CHECK ((current_epoch >= 0)),
  CONSTRAINT instances_dismissal_check CHECK (((dismissed_at IS NULL) = (dismissal IS NULL))),
  CONSTRAINT instances_draining_check CHECK ((((draining_since IS NULL) = (draining_why IS NULL)) AND ((drain_announced_at IS NULL) OR (draining_since IS NOT NULL)))),
  CONSTRAINT instances_failure_check CHECK (((failure IS NULL) OR ((failure IN ('failed', 'hopeless')) AND (dismissed_at IS NOT NULL)))),
  CONSTRAINT instances_known_epoch_check CHECK ((known_epoch >= 0)),
  CONSTRAINT instances_rank_check CHECK ((rank >= 0)),
  CONSTRAINT instances_revision_check CHECK ((revision >= 1)),
  CONSTRAINT instances_state_check CHECK ((state IN ('placed', 'starting', 'ready', 'stopping', 'stopped', 'failed', 'lost'))),
  CONSTRAINT instances_workload_kind_check CHECK ((workload_kind IN ('environment', 'training', 'inference'))),
  CONSTRAINT instances_workload_kind_workload_id_rank_key UNIQUE (workload_kind, workload_id, rank)
);
CREATE INDEX idx_instances_replicas ON instances USING btree (workload_id) WHERE (((workload_kind)::text = 'inference'::text) AND (dismissed_at IS NULL));
CREATE INDEX idx_instances_workload ON instances USING btree (workload_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON instances FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE invoice_closings (
  month date NOT NULL,
  hour timestamptz NOT NULL,
  term bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  last_customer_id bigint NOT NULL DEFAULT 0,
  invoices integer NOT NULL DEFAULT 0,
  amount numeric(38,4) NOT NULL DEFAULT 0,
  CONSTRAINT invoice_closings_pkey PRIMARY KEY (month),
  CONSTRAINT invoice_closings_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric))
);

CREATE TABLE invoice_lines (
  invoice_id bigint NOT NULL,
  number integer NOT NULL,
  resource_type varchar(32) NOT NULL,
  resource_id varchar(64),
  resource_name varchar(256),
  workspace_id bigint,
  ordered_by bigint,
  line varchar(160),
  usage_month date,
  minutes bigint,
  quantity numeric,
  unit_price numeric(18,6),
  billing_unit varchar(20),
  amount numeric(20,4) NOT NULL,
  CONSTRAINT invoice_lines_pkey PRIMARY KEY (invoice_id, number),
  CONSTRAINT invoice_lines_billing_unit_check CHECK ((billing_unit IN ('minute', 'hour', 'day'))),
  CONSTRAINT invoice_lines_number_check CHECK ((number >= 1)),
  CONSTRAINT invoice_lines_resource_type_check CHECK ((resource_type IN ('environment', 'training', 'inference', 'storage', 'legacy')))
);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON invoice_lines FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON invoice_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

CREATE TABLE invoice_movements (
  invoice_id bigint NOT NULL,
  transaction_id bigint NOT NULL,
  kind varchar(32) NOT NULL,
  at timestamptz NOT NULL,
  amount numeric(20,4) NOT NULL,
  reason text,
  CONSTRAINT invoice_movements_pkey PRIMARY KEY (invoice_id, transaction_id),
  CONSTRAINT invoice_movements_transaction_id_key UNIQUE (transaction_id)
);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON invoice_movements FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON invoice_movements FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

CREATE TABLE invoices (
  id bigserial,
  invoice_no varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  billing_period_start timestamptz NOT NULL,
  billing_period_end timestamptz NOT NULL,
  total_amount numeric(20,4) NOT NULL,
  currency varchar(10) DEFAULT 'CNY',
  status varchar(20) DEFAULT 'pending',
  paid_at timestamptz,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  invoice_month date,
  due numeric(20,4),
  opening_balance numeric(20,4),
  topups numeric(20,4),
  refunds numeric(20,4),
  adjustments numeric(20,4),
  charges numeric(20,4),
  closing_balance numeric(20,4),
  CONSTRAINT invoices_pkey PRIMARY KEY (id),
  CONSTRAINT invoices_invoice_no_key UNIQUE (invoice_no),
  CONSTRAINT invoices_month_check CHECK ((EXTRACT(day FROM invoice_month) = (1)::numeric)),
  CONSTRAINT invoices_movements_add_up CHECK ((closing_balance = ((((opening_balance + topups) + refunds) + adjustments) - charges)))
);
ALTER TABLE invoices
  ADD CONSTRAINT invoices_status_check CHECK ((status IN ('pending', 'paid', 'overdue', 'cancelled'))) NOT VALID;
CREATE INDEX idx_invoices_customer ON invoices USING btree (customer_id);
CREATE UNIQUE INDEX idx_invoices_customer_month ON invoices USING btree (customer_id, invoice_month) WHERE (invoice_month IS NOT NULL);
CREATE INDEX idx_invoices_unpaid ON invoices USING btree (customer_id) WHERE ((invoice_month IS NOT NULL) AND (status IN ('pending', 'overdue')));
CREATE TRIGGER issued BEFORE DELETE OR UPDATE ON invoices FOR EACH ROW WHEN ((old.invoice_month IS NOT NULL)) EXECUTE FUNCTION refuse_change_of_invoice();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE join_tokens (
  id bigserial,
  token_hash varchar(64) NOT NULL,
  host_name varchar(128),
  created_by bigint,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  used_by_nkey varchar(56),
  host_id varchar(64),
  revoked_at timestamptz,
  storage_pool varchar(64),
  CONSTRAINT join_tokens_pkey PRIMARY KEY (id),
  CONSTRAINT join_tokens_pool_is_no_host CHECK (((storage_pool)::text !~ '^host-[0-9a-f]{20}$'::text)),
  CONSTRAINT join_tokens_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX idx_join_tokens_created_by ON join_tokens USING btree (created_by);
CREATE INDEX idx_join_tokens_host ON join_tokens USING btree (host_id);

CREATE TABLE leader (
  singleton boolean NOT NULL DEFAULT true,
  holder text,
  term bigint NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone,
  CONSTRAINT leader_pkey PRIMARY KEY (singleton),
  CONSTRAINT leader_singleton_check CHECK (singleton),
  CONSTRAINT leader_term_check CHECK ((term >= 0))
);

CREATE TABLE lease_orders (
  id varchar(64) NOT NULL,
  env_id varchar(64) NOT NULL,
  host_id varchar(64) NOT NULL,
  service_type varchar(32) NOT NULL,
  internal_port integer NOT NULL,
  auto_release_hours integer NOT NULL,
  want varchar(16) NOT NULL DEFAULT 'held',
  generation bigint NOT NULL,
  ordered_by varchar(160) NOT NULL,
  ordered_at timestamptz NOT NULL DEFAULT now(),
  released_by varchar(160),
  release_reason text,
  state varchar(16) NOT NULL DEFAULT 'waiting',
  external_port integer,
  detail text NOT NULL DEFAULT '',
  last_accessed_at timestamptz,
  release_due_at timestamptz,
  state_changed_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  bytes_in bigint,
  bytes_out bigint,
  answers_seen boolean,
  answers_detail varchar(200) NOT NULL DEFAULT '',
  release_warning varchar(8),
  release_reason_code varchar(64),
  release_reason_params jsonb,
  detail_code varchar(64),
  detail_params jsonb,
  answers_detail_code varchar(64),
  answers_detail_params jsonb,
  CONSTRAINT lease_orders_pkey PRIMARY KEY (id),
  CONSTRAINT lease_orders_auto_release_hours_check CHECK (((auto_release_hours >= 1) AND (auto_release_hours <= 87600))),
  CONSTRAINT lease_orders_bytes_in_check CHECK ((bytes_in >= 0)),
  CONSTRAINT lease_orders_bytes_out_check CHECK ((bytes_out >= 0)),
  CONSTRAINT lease_orders_ended_when_released CHECK (((ended_at IS NOT NULL) = ((state)::text = 'released'::text))),
  CONSTRAINT lease_orders_external_port_check CHECK (((external_port >= 1) AND (external_port <= 65535))),
  CONSTRAINT lease_orders_generation_check CHECK ((generation >= 0)),
  CONSTRAINT lease_orders_internal_port_check CHECK (((internal_port >= 1) AND (internal_port <= 65535))),
  CONSTRAINT lease_orders_release_by_somebody CHECK ((((want)::text = 'held'::text) OR (released_by IS NOT NULL))),
  CONSTRAINT lease_orders_release_warning_check CHECK ((release_warning IN ('first', 'last'))),
  CONSTRAINT lease_orders_service_type_check CHECK ((service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom'))),
  CONSTRAINT lease_orders_state_check CHECK ((state IN ('waiting', 'held', 'conflict', 'exhausted', 'released'))),
  CONSTRAINT lease_orders_want_check CHECK ((want IN ('held', 'released')))
);
CREATE INDEX idx_lease_orders_env ON lease_orders USING btree (env_id);
CREATE INDEX idx_lease_orders_host ON lease_orders USING btree (host_id);
CREATE INDEX idx_lease_orders_live ON lease_orders USING btree (host_id, ordered_at) WHERE (ended_at IS NULL);
CREATE UNIQUE INDEX lease_orders_one_wanted ON lease_orders USING btree (env_id, service_type, internal_port) WHERE (((want)::text = 'held'::text) AND (ended_at IS NULL));

CREATE TABLE ledger_entries (
  id bigserial,
  transaction_id bigint NOT NULL,
  account varchar(32) NOT NULL,
  customer_id bigint,
  amount numeric(20,4) NOT NULL,
  CONSTRAINT ledger_entries_pkey PRIMARY KEY (id),
  CONSTRAINT ledger_entries_account_check CHECK ((account IN ('customer', 'cash', 'revenue', 'adjustment', 'writeoff'))),
  CONSTRAINT ledger_entries_customer_named CHECK ((((account)::text <> 'customer'::text) OR (customer_id IS NOT NULL)))
);
CREATE INDEX idx_ledger_entries_customer ON ledger_entries USING btree (customer_id);
CREATE INDEX idx_ledger_entries_transaction ON ledger_entries USING btree (transaction_id);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON ledger_entries FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();
CREATE TRIGGER sums_to_zero AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS new_entries FOR EACH STATEMENT EXECUTE FUNCTION ledger_transaction_sums_to_zero();

CREATE TABLE ledger_transactions (
  id bigserial,
  source_kind varchar(32) NOT NULL,
  source_id varchar(160) NOT NULL,
  customer_id bigint,
  run_id varchar(64),
  reason text,
  actor varchar(160),
  at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ledger_transactions_pkey PRIMARY KEY (id),
  CONSTRAINT ledger_transactions_source_kind_source_id_key UNIQUE (source_kind, source_id)
);
CREATE INDEX idx_ledger_transactions_at ON ledger_transactions USING btree (at);
CREATE INDEX idx_ledger_transactions_customer ON ledger_transactions USING btree (customer_id, at);
CREATE INDEX idx_ledger_transactions_payments ON ledger_transactions USING btree (customer_id, id) WHERE (source_kind IN ('topup', 'refund', 'adjustment', 'writeoff'));
CREATE INDEX idx_ledger_transactions_run ON ledger_transactions USING btree (run_id);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON ledger_transactions FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger_transactions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();
CREATE CONSTRAINT TRIGGER has_entries AFTER INSERT ON ledger_transactions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_transaction_has_entries();

CREATE TABLE model_versions (
  id bigserial,
  model_id bigint NOT NULL,
  version varchar(64) NOT NULL,
  storage_path varchar(512),
  created_at timestamptz DEFAULT now(),
  CONSTRAINT model_versions_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_model_versions_model ON model_versions USING btree (model_id);

CREATE TABLE models (
  id bigserial,
  uuid uuid DEFAULT uuid_generate_v4(),
  customer_id bigint NOT NULL,
  workspace_id bigint,
  name varchar(256) NOT NULL,
  description text,
  framework varchar(64),
  storage_path varchar(512) NOT NULL,
  total_size bigint DEFAULT 0,
  status varchar(20) DEFAULT 'uploading',
  visibility varchar(20) DEFAULT 'private',
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  CONSTRAINT models_pkey PRIMARY KEY (id),
  CONSTRAINT models_uuid_key UNIQUE (uuid)
);
ALTER TABLE models
  ADD CONSTRAINT models_status_check CHECK ((status IN ('uploading', 'ready', 'error'))) NOT VALID,
  ADD CONSTRAINT models_visibility_check CHECK ((visibility IN ('private', 'workspace', 'public'))) NOT VALID;
CREATE INDEX idx_models_customer ON models USING btree (customer_id);
CREATE INDEX idx_models_workspace ON models USING btree (workspace_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON models FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE placement_host_skips (
  workload_kind varchar(16) NOT NULL,
  workload_id varchar(64) NOT NULL,
  first_rank integer NOT NULL DEFAULT 0,
  host_id varchar(64) NOT NULL,
  reason text NOT NULL,
  until timestamptz NOT NULL,
  reason_code varchar(64),
  reason_params jsonb,
  CONSTRAINT placement_host_skips_pkey PRIMARY KEY (workload_kind, workload_id, first_rank, host_id),
  CONSTRAINT placement_host_skips_first_rank_check CHECK ((first_rank >= 0)),
  CONSTRAINT placement_host_skips_workload_kind_check CHECK ((workload_kind IN ('environment', 'training', 'inference')))
);
CREATE INDEX idx_placement_host_skips_host ON placement_host_skips USING btree (host_id);
CREATE INDEX idx_placement_host_skips_until ON placement_host_skips USING btree (until);

CREATE TABLE placement_skips (
  workload_kind varchar(16) NOT NULL,
  workload_id varchar(64) NOT NULL,
  first_rank integer NOT NULL DEFAULT 0,
  storage_pool varchar(64) NOT NULL,
  reason text NOT NULL,
  until timestamptz NOT NULL,
  reason_code varchar(64),
  reason_params jsonb,
  CONSTRAINT placement_skips_pkey PRIMARY KEY (workload_kind, workload_id, first_rank, storage_pool),
  CONSTRAINT placement_skips_first_rank_check CHECK ((first_rank >= 0)),
  CONSTRAINT placement_skips_workload_kind_check CHECK ((workload_kind IN ('environment', 'training', 'inference')))
);
CREATE INDEX idx_placement_skips_until ON placement_skips USING btree (until);

CREATE TABLE placements (
  instance_id varchar(64) NOT NULL,
  epoch integer NOT NULL,
  host_id varchar(64) NOT NULL,
  state varchar(16) NOT NULL DEFAULT 'placed',
  want varchar(16) NOT NULL DEFAULT 'running',
  ordered_by varchar(16),
  run_id varchar(64),
  spec jsonb NOT NULL,
  spec_hash varchar(64) NOT NULL,
  live jsonb NOT NULL DEFAULT '{}',
  cpu_milli integer NOT NULL,
  memory_bytes bigint NOT NULL,
  temp_storage_bytes bigint,
  storage_bytes bigint,
  detail text,
  problem varchar(64),
  container_id varchar(128),
  exit_code integer,
  deadline_at timestamptz,
  state_changed_at timestamptz NOT NULL DEFAULT now(),
  resources_released_at timestamptz,
  gone_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  waits_for varchar(16),
  waited_for_image_at timestamptz,
  stop_reason text,
  ended_by varchar(16),
  image_id varchar(80),
  image_brings text[],
  services jsonb,
  gang_network integer,
  held_at timestamptz,
  findings jsonb,
  released_at timestamptz,
  cut_off text[],
  lost_since timestamptz,
  idle_since timestamptz,
  idle_processes jsonb,
  frozen_since timestamptz,
  stall varchar(8),
  container_since timestamptz,
  serving varchar(8),
  serving_since timestamptz,
  open_streams integer,
  chosen_grace_seconds integer,
  env_is_sealed boolean NOT NULL DEFAULT false,
  is_payers_turn boolean,
  is_workspaces_turn boolean,
  detail_code varchar(64),
  detail_params jsonb,
  stop_reason_code varchar(64),
  stop_reason_params jsonb,
  CONSTRAINT placements_pkey PRIMARY KEY (instance_id, epoch),
  CONSTRAINT placements_chosen_grace_seconds_check CHECK (((chosen_grace_seconds >= 1) AND (chosen_grace_seconds <= 600))),
  CONSTRAINT placements_cpu_milli_check CHECK ((cpu_milli >= 0)),
  CONSTRAINT placements_ended_by_check CHECK ((ended_by IN ('customer', 'admin', 'account', 'control-plane', 'limit'))),
  CONSTRAINT placements_epoch_check CHECK ((epoch >= 1)),
  CONSTRAINT placements_gang_network_check CHECK (((gang_network >= 0) AND (gang_network <= 4095))),
  CONSTRAINT placements_gone_after_release CHECK (((gone_at IS NULL) OR (resources_released_at IS NOT NULL))),
  CONSTRAINT placements_live_check CHECK ((jsonb_typeof(live) = 'object'::text)),
  CONSTRAINT placements_memory_bytes_check CHECK ((memory_bytes >= 0)),
  CONSTRAINT placements_open_streams_check CHECK ((open_streams >= 0)),
  CONSTRAINT placements_ordered_by_check CHECK ((ordered_by IN ('customer', 'admin', 'account', 'control-plane', 'limit'))),
  CONSTRAINT placements_ordered_by_needed CHECK ((((want)::text = 'running'::text) OR (ordered_by IS NOT NULL))),
  CONSTRAINT placements_services_check CHECK ((jsonb_typeof(services) = 'object'::text)),
  CONSTRAINT placements_serving_check CHECK ((serving IN ('not-yet', 'yes', 'no'))),
  CONSTRAINT placements_spec_check CHECK ((jsonb_typeof(spec) = 'object'::text)),
  CONSTRAINT placements_stall_check CHECK ((stall IN ('reported', 'ended'))),
  CONSTRAINT placements_state_check CHECK ((state IN ('placed', 'starting', 'ready', 'stopping', 'stopped', 'failed', 'lost'))),
  CONSTRAINT placements_storage_bytes_check CHECK ((storage_bytes >= 0)),
  CONSTRAINT placements_temp_storage_bytes_check CHECK ((temp_storage_bytes >= 0)),
  CONSTRAINT placements_waits_for_check CHECK ((waits_for IN ('start', 'stop', 'removal'))),
  CONSTRAINT placements_want_check CHECK ((want IN ('running', 'stopped', 'removed')))
);
CREATE INDEX idx_placements_created_at ON placements USING btree (created_at);
CREATE INDEX idx_placements_gang_network ON placements USING btree (gang_network) WHERE ((gang_network IS NOT NULL) AND (resources_released_at IS NULL));
CREATE INDEX idx_placements_host ON placements USING btree (host_id);
CREATE INDEX idx_placements_host_desired ON placements USING btree (host_id) WHERE (gone_at IS NULL);
CREATE INDEX idx_placements_resources_released ON placements USING btree (resources_released_at) WHERE (resources_released_at IS NOT NULL);
CREATE INDEX idx_placements_run ON placements USING btree (run_id);
CREATE INDEX idx_placements_waited_for_image ON placements USING btree (waited_for_image_at) WHERE (waited_for_image_at IS NOT NULL);
CREATE UNIQUE INDEX placements_one_live_per_instance ON placements USING btree (instance_id) WHERE (resources_released_at IS NULL);

CREATE TABLE port_mappings (
  id bigserial,
  env_id varchar(64) NOT NULL,
  service_type varchar(32) NOT NULL,
  external_port integer NOT NULL,
  internal_port integer NOT NULL,
  status varchar(20) DEFAULT 'active',
  allocated_at timestamptz DEFAULT now(),
  released_at timestamptz,
  last_accessed_at timestamptz,
  auto_release_hours integer DEFAULT 48,
  host_id varchar(64),
  lease_id varchar(64),
  generation bigint,
  CONSTRAINT port_mappings_pkey PRIMARY KEY (id),
  CONSTRAINT port_mappings_auto_release_hours_check CHECK ((auto_release_hours >= 1))
);
ALTER TABLE port_mappings
  ADD CONSTRAINT port_mappings_port_check CHECK (((external_port >= 1) AND (external_port <= 65535) AND (internal_port >= 1) AND (internal_port <= 65535))) NOT VALID,
  ADD CONSTRAINT port_mappings_service_type_check CHECK ((service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom'))) NOT VALID,
  ADD CONSTRAINT port_mappings_status_check CHECK ((status IN ('active', 'released'))) NOT VALID;
CREATE INDEX idx_port_mappings_env ON port_mappings USING btree (env_id);
CREATE INDEX idx_port_mappings_external_port ON port_mappings USING btree (external_port);
CREATE INDEX idx_port_mappings_host ON port_mappings USING btree (host_id);
CREATE UNIQUE INDEX idx_port_mappings_host_external_port ON port_mappings USING btree (host_id, external_port) WHERE ((status)::text IS DISTINCT FROM 'released'::text);
CREATE INDEX idx_port_mappings_status ON port_mappings USING btree (status);
CREATE INDEX idx_port_mappings_status_last_accessed_at ON port_mappings USING btree (status, last_accessed_at);

CREATE TABLE prices (
  id bigserial,
  spec varchar(64) NOT NULL,
  line varchar(160) NOT NULL,
  unit_price numeric(18,6) NOT NULL,
  billing_unit varchar(20) NOT NULL,
  effective_from timestamptz NOT NULL,
  created_by bigint,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT prices_pkey PRIMARY KEY (id),
  CONSTRAINT prices_billing_unit_check CHECK ((billing_unit IN ('minute', 'hour', 'day'))),
  CONSTRAINT prices_spec_line_effective_from_key UNIQUE (spec, line, effective_from),
  CONSTRAINT prices_unit_price_check CHECK ((unit_price >= (0)::numeric))
);
CREATE INDEX idx_prices_created_by ON prices USING btree (created_by);

CREATE TABLE quarantine (
  id bigserial,
  host_id varchar(64) NOT NULL,
  journal_id uuid,
  seq bigint,
  run_id varchar(64),
  reason text NOT NULL,
  excess_ms bigint,
  entry jsonb,
  hash varchar(64),
  at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz,
  CONSTRAINT quarantine_pkey PRIMARY KEY (id),
  CONSTRAINT quarantine_excess_ms_check CHECK ((excess_ms >= 0))
);
CREATE INDEX idx_quarantine_host ON quarantine USING btree (host_id, journal_id, seq);
CREATE INDEX idx_quarantine_run ON quarantine USING btree (run_id);

CREATE TABLE queue_state (
  singleton boolean NOT NULL DEFAULT true,
  counted_through timestamptz,
  head_kind varchar(16),
  head_id varchar(64),
  head_first_rank integer,
  head_ordered_at_ms bigint,
  CONSTRAINT queue_state_pkey PRIMARY KEY (singleton),
  CONSTRAINT queue_state_singleton_check CHECK (singleton)
);

CREATE TABLE rdp_passwords (
  env_id varchar(64) NOT NULL,
  run_id varchar(64) NOT NULL,
  hash varchar(256) NOT NULL,
  set_by varchar(160) NOT NULL,
  set_at timestamptz NOT NULL,
  CONSTRAINT rdp_passwords_pkey PRIMARY KEY (env_id),
  CONSTRAINT rdp_passwords_hash_check CHECK (((hash)::text ~~ '$6$%'::text))
);

CREATE TABLE registry_credentials (
  id varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  workspace_id bigint,
  registry varchar(260) NOT NULL,
  username varchar(256) NOT NULL,
  sealed_password bytea NOT NULL,
  sealed_by varchar(64) NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT registry_credentials_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_registry_credentials_customer ON registry_credentials USING btree (customer_id);
CREATE UNIQUE INDEX registry_credentials_of_customer ON registry_credentials USING btree (customer_id, registry) WHERE (workspace_id IS NULL);
CREATE UNIQUE INDEX registry_credentials_of_workspace ON registry_credentials USING btree (workspace_id, registry);

CREATE TABLE resource_quotas (
  id bigserial,
  customer_id bigint NOT NULL,
  workspace_id bigint,
  quota_level varchar(32) DEFAULT 'free',
  cpu_quota integer DEFAULT 4,
  memory_quota bigint DEFAULT 8192,
  gpu_quota integer DEFAULT 0,
  storage_quota bigint DEFAULT '10737418240'::bigint,
  environment_quota integer DEFAULT 1,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  CONSTRAINT resource_quotas_pkey PRIMARY KEY (id)
);
ALTER TABLE resource_quotas
  ADD CONSTRAINT resource_quotas_range_check CHECK (((cpu_quota >= 0) AND (memory_quota >= 0) AND (gpu_quota >= 0) AND (storage_quota >= 0) AND (environment_quota >= 0))) NOT VALID;
CREATE INDEX idx_resource_quotas_customer ON resource_quotas USING btree (customer_id);
CREATE INDEX idx_resource_quotas_workspace ON resource_quotas USING btree (workspace_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON resource_quotas FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE run_ends (
  run_id varchar(64) NOT NULL,
  reported_at timestamptz NOT NULL DEFAULT now(),
  phase varchar(16) NOT NULL,
  problem varchar(64),
  detail text,
  exit_code integer,
  out_of_memory boolean NOT NULL DEFAULT false,
  signal varchar(16),
  tail text,
  new_output boolean NOT NULL DEFAULT false,
  detail_code varchar(64),
  detail_params jsonb,
  CONSTRAINT run_ends_pkey PRIMARY KEY (run_id),
  CONSTRAINT run_ends_phase_check CHECK ((phase IN ('stopped', 'failed'))),
  CONSTRAINT run_ends_tail_check CHECK ((octet_length(tail) <= 8192))
);

CREATE TABLE run_gpu_faults (
  run_id varchar(64) NOT NULL,
  boot_id uuid NOT NULL,
  seq bigint NOT NULL,
  reported_at timestamptz NOT NULL,
  code varchar(48) NOT NULL,
  reason text NOT NULL,
  reason_code varchar(64),
  reason_params jsonb,
  CONSTRAINT run_gpu_faults_pkey PRIMARY KEY (run_id, boot_id, seq),
  CONSTRAINT run_gpu_faults_seq_check CHECK ((seq >= 0))
);

CREATE TABLE run_lines (
  run_id varchar(64) NOT NULL,
  line varchar(160) NOT NULL,
  quantity numeric NOT NULL,
  unit_price numeric(18,6),
  billing_unit varchar(20),
  CONSTRAINT run_lines_pkey PRIMARY KEY (run_id, line),
  CONSTRAINT run_lines_billing_unit_check CHECK ((billing_unit IN ('minute', 'hour', 'day'))),
  CONSTRAINT run_lines_frozen_together CHECK (((unit_price IS NULL) = (billing_unit IS NULL))),
  CONSTRAINT run_lines_quantity_check CHECK ((quantity >= (0)::numeric)),
  CONSTRAINT run_lines_unit_price_check CHECK ((unit_price >= (0)::numeric))
);

CREATE TABLE run_readiness (
  run_id varchar(64) NOT NULL,
  boot_id uuid NOT NULL,
  ready_at timestamptz NOT NULL,
  CONSTRAINT run_readiness_pkey PRIMARY KEY (run_id, boot_id)
);

CREATE TABLE run_restarts (
  run_id varchar(64) NOT NULL,
  reported_at timestamptz NOT NULL,
  count integer NOT NULL,
  exit_code integer,
  out_of_memory boolean NOT NULL,
  signal varchar(16),
  calm_count integer NOT NULL DEFAULT 0,
  looping_since timestamptz,
  CONSTRAINT run_restarts_pkey PRIMARY KEY (run_id),
  CONSTRAINT run_restarts_count_check CHECK ((count > 0))
);
CREATE INDEX idx_run_restarts_looping ON run_restarts USING btree (run_id) WHERE (looping_since IS NOT NULL);

CREATE TABLE run_time (
  run_id varchar(64) NOT NULL,
  host_id varchar(64) NOT NULL,
  boot_id uuid NOT NULL,
  proven int8multirange NOT NULL DEFAULT '{}'::int8multirange,
  CONSTRAINT run_time_pkey PRIMARY KEY (run_id, host_id, boot_id)
);
CREATE INDEX idx_run_time_host ON run_time USING btree (host_id);

CREATE TABLE run_waivers (
  id bigserial,
  run_id varchar(64) NOT NULL,
  reason varchar(32) NOT NULL,
  from_at timestamptz NOT NULL,
  to_at timestamptz,
  evidence jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  allowance_of bigint,
  CONSTRAINT run_waivers_pkey PRIMARY KEY (id),
  CONSTRAINT run_waivers_allowance_check CHECK (((((reason)::text = 'loading'::text) = (allowance_of IS NOT NULL)) AND ((allowance_of IS NULL) OR (to_at IS NOT NULL)))),
  CONSTRAINT run_waivers_evidence_check CHECK ((jsonb_typeof(evidence) = 'object'::text)),
  CONSTRAINT run_waivers_from_before_to CHECK ((from_at < to_at)),
  CONSTRAINT run_waivers_reason_check CHECK ((reason IN ('gpu-lost', 'host-died', 'never-ready', 'gang-broken', 'loading'))),
  CONSTRAINT run_waivers_run_id_reason_from_at_key UNIQUE (run_id, reason, from_at)
);
CREATE UNIQUE INDEX idx_run_waivers_allowance ON run_waivers USING btree (allowance_of, from_at);
CREATE INDEX idx_run_waivers_open ON run_waivers USING btree (run_id) WHERE (to_at IS NULL);

CREATE TABLE runs (
  id varchar(64) NOT NULL,
  instance_id varchar(64) NOT NULL,
  epoch integer NOT NULL,
  host_id varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  ordered_by bigint,
  workspace_id bigint,
  resource_type varchar(32) NOT NULL,
  resource_id varchar(64) NOT NULL,
  resource_name varchar(256),
  spec varchar(64) NOT NULL,
  gpu_model varchar(128),
  ordered_at timestamptz NOT NULL DEFAULT now(),
  first_proven_at timestamptz,
  last_proven_at timestamptz,
  waive_from timestamptz,
  waive_reason text,
  closed_at timestamptz,
  proven_ms bigint NOT NULL DEFAULT 0,
  waived_ms bigint NOT NULL DEFAULT 0,
  billed_minutes integer NOT NULL DEFAULT 0,
  posted_amount numeric(20,4) NOT NULL DEFAULT 0,
  uncharged boolean NOT NULL DEFAULT false,
  was_ready boolean,
  is_loading boolean,
  CONSTRAINT runs_pkey PRIMARY KEY (id),
  CONSTRAINT runs_billed_minutes_check CHECK ((billed_minutes >= 0)),
  CONSTRAINT runs_proven_ms_check CHECK ((proven_ms >= 0)),
  CONSTRAINT runs_resource_type_check CHECK ((resource_type IN ('environment', 'training', 'inference'))),
  CONSTRAINT runs_waived_ms_check CHECK ((waived_ms >= 0)),
  CONSTRAINT runs_waived_within_proven CHECK ((waived_ms <= proven_ms))
);
CREATE INDEX idx_runs_customer ON runs USING btree (customer_id);
CREATE INDEX idx_runs_host ON runs USING btree (host_id);
CREATE INDEX idx_runs_loading ON runs USING btree (id) WHERE is_loading;
CREATE INDEX idx_runs_open ON runs USING btree (customer_id) WHERE (closed_at IS NULL);
CREATE INDEX idx_runs_ordered_by ON runs USING btree (ordered_by);
CREATE INDEX idx_runs_placement ON runs USING btree (instance_id, epoch);
CREATE INDEX idx_runs_readiness_unknown ON runs USING btree (id) WHERE (was_ready IS NULL);
CREATE INDEX idx_runs_resource ON runs USING btree (resource_id);
CREATE INDEX idx_runs_uncharged ON runs USING btree (id) WHERE uncharged;
CREATE INDEX idx_runs_waived ON runs USING btree (id) WHERE (waived_ms > 0);
CREATE INDEX idx_runs_waived_of_workload ON runs USING btree (resource_id) WHERE ((waived_ms > 0) OR uncharged);
CREATE INDEX idx_runs_workspace ON runs USING btree (workspace_id);

CREATE TABLE scaling_checks (
  service_id varchar(64) NOT NULL,
  checked_at timestamptz NOT NULL,
  desired_replicas integer NOT NULL,
  sentence text NOT NULL,
  history jsonb,
  counts jsonb NOT NULL,
  sentence_code varchar(64),
  sentence_params jsonb,
  CONSTRAINT scaling_checks_pkey PRIMARY KEY (service_id),
  CONSTRAINT scaling_checks_counts_check CHECK ((jsonb_typeof(counts) = 'array'::text)),
  CONSTRAINT scaling_checks_desired_replicas_check CHECK ((desired_replicas >= 0))
);

CREATE TABLE schema_migrations (
  name varchar(128) NOT NULL,
  checksum varchar(64) NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT schema_migrations_pkey PRIMARY KEY (name)
);

CREATE TABLE sealed_samples (
  workspace_id bigint NOT NULL,
  hour timestamptz NOT NULL,
  bytes bigint NOT NULL,
  CONSTRAINT sealed_samples_pkey PRIMARY KEY (workspace_id, hour),
  CONSTRAINT sealed_samples_bytes_check CHECK ((bytes > 0)),
  CONSTRAINT sealed_samples_hour_check CHECK ((mod(EXTRACT(epoch FROM hour), (3600)::numeric) = (0)::numeric))
);
CREATE INDEX idx_sealed_samples_hour ON sealed_samples USING btree (hour);

CREATE TABLE sealing_key_reports (
  holder varchar(64) NOT NULL,
  server varchar(256) NOT NULL,
  began_at timestamptz NOT NULL,
  seals_with varchar(64) NOT NULL,
  key_names text[] NOT NULL,
  reported_at timestamptz NOT NULL,
  CONSTRAINT sealing_key_reports_pkey PRIMARY KEY (holder),
  CONSTRAINT sealing_key_reports_key_names_check CHECK (((cardinality(key_names) >= 1) AND (cardinality(key_names) <= 64))),
  CONSTRAINT sealing_key_reports_server_check CHECK (((server)::text <> ''::text))
);

CREATE TABLE service_keys (
  id bigserial,
  service_id varchar(64) NOT NULL,
  name varchar(128) NOT NULL,
  prefix varchar(16) NOT NULL,
  key_hash varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  requests_per_minute integer,
  max_in_flight integer,
  tokens_per_day bigint,
  CONSTRAINT service_keys_pkey PRIMARY KEY (id),
  CONSTRAINT service_keys_key_hash_key UNIQUE (key_hash),
  CONSTRAINT service_keys_limits_check CHECK (((requests_per_minute > 0) AND (max_in_flight > 0) AND (tokens_per_day > 0))),
  CONSTRAINT service_keys_name_check CHECK (((name)::text <> ''::text)),
  CONSTRAINT service_keys_revoked_by_somebody CHECK (((revoked_at IS NULL) = (revoked_by IS NULL)))
);
CREATE INDEX idx_service_keys_customer ON service_keys USING btree (customer_id);
CREATE UNIQUE INDEX idx_service_keys_name ON service_keys USING btree (service_id, name) WHERE (revoked_at IS NULL);
CREATE INDEX idx_service_keys_service ON service_keys USING btree (service_id);

CREATE TABLE service_revisions (
  service_id varchar(64) NOT NULL,
  number integer NOT NULL,
  version varchar(64),
  image varchar(256) NOT NULL,
  command text,
  env_vars jsonb,
  cpu integer NOT NULL,
  memory bigint NOT NULL,
  gpu integer NOT NULL,
  gpu_memory bigint,
  model_id bigint,
  model_version varchar(64),
  config jsonb,
  created_at timestamptz NOT NULL,
  actor text NOT NULL,
  CONSTRAINT service_revisions_pkey PRIMARY KEY (service_id, number),
  CONSTRAINT service_revisions_config_check CHECK ((jsonb_typeof(config) = 'object'::text)),
  CONSTRAINT service_revisions_cpu_check CHECK ((cpu > 0)),
  CONSTRAINT service_revisions_env_vars_check CHECK ((jsonb_typeof(env_vars) = 'object'::text)),
  CONSTRAINT service_revisions_gpu_check CHECK ((gpu >= 0)),
  CONSTRAINT service_revisions_gpu_memory_check CHECK ((gpu_memory >= 0)),
  CONSTRAINT service_revisions_memory_check CHECK ((memory > 0)),
  CONSTRAINT service_revisions_number_check CHECK ((number >= 1))
);

CREATE TABLE service_rollouts (
  service_id varchar(64) NOT NULL,
  number integer NOT NULL,
  from_revision integer NOT NULL,
  target integer NOT NULL,
  allows_gap boolean NOT NULL,
  gap_from integer,
  cause text,
  began_at timestamptz NOT NULL,
  actor text NOT NULL,
  ended_at timestamptz,
  outcome varchar(16),
  cause_code varchar(64),
  cause_params jsonb,
  CONSTRAINT service_rollouts_pkey PRIMARY KEY (service_id, number),
  CONSTRAINT service_rollouts_check CHECK (((ended_at IS NULL) = (outcome IS NULL))),
  CONSTRAINT service_rollouts_gap_from_check CHECK ((gap_from >= 0)),
  CONSTRAINT service_rollouts_number_check CHECK ((number >= 1)),
  CONSTRAINT service_rollouts_outcome_check CHECK ((outcome IN ('completed', 'reverted', 'superseded')))
);
CREATE INDEX idx_service_rollouts_from ON service_rollouts USING btree (service_id, from_revision);
CREATE UNIQUE INDEX idx_service_rollouts_open ON service_rollouts USING btree (service_id) WHERE (ended_at IS NULL);
CREATE INDEX idx_service_rollouts_target ON service_rollouts USING btree (service_id, target);

CREATE TABLE service_traffic (
  service_id varchar(64) NOT NULL,
  minute timestamptz NOT NULL,
  gateway varchar(64) NOT NULL,
  revision integer NOT NULL,
  key_name varchar(128) NOT NULL,
  requests bigint NOT NULL,
  unanswered bigint NOT NULL,
  status_1xx bigint NOT NULL,
  status_2xx bigint NOT NULL,
  status_3xx bigint NOT NULL,
  status_4xx bigint NOT NULL,
  status_5xx bigint NOT NULL,
  cut_off bigint NOT NULL,
  bytes bigint NOT NULL,
  took_buckets bigint[] NOT NULL,
  took_ms numeric NOT NULL,
  first_byte_buckets bigint[] NOT NULL,
  first_byte_ms numeric NOT NULL,
  queued_buckets bigint[] NOT NULL,
  queued_ms numeric NOT NULL,
  token_answers bigint NOT NULL,
  token_silent bigint NOT NULL,
  token_ms numeric NOT NULL,
  prompt_tokens bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  CONSTRAINT service_traffic_pkey PRIMARY KEY (service_id, minute, gateway, revision, key_name),
  CONSTRAINT service_traffic_bytes_check CHECK ((bytes >= 0)),
  CONSTRAINT service_traffic_completion_tokens_check CHECK ((completion_tokens >= 0)),
  CONSTRAINT service_traffic_cut_off_check CHECK ((cut_off >= 0)),
  CONSTRAINT service_traffic_first_byte_ms_check CHECK ((first_byte_ms >= (0)::numeric)),
  CONSTRAINT service_traffic_prompt_tokens_check CHECK ((prompt_tokens >= 0)),
  CONSTRAINT service_traffic_queued_ms_check CHECK ((queued_ms >= (0)::numeric)),
  CONSTRAINT service_traffic_requests_check CHECK ((requests >= 0)),
  CONSTRAINT service_traffic_revision_check CHECK ((revision >= 0)),
  CONSTRAINT service_traffic_status_1xx_check CHECK ((status_1xx >= 0)),
  CONSTRAINT service_traffic_status_2xx_check CHECK ((status_2xx >= 0)),
  CONSTRAINT service_traffic_status_3xx_check CHECK ((status_3xx >= 0)),
  CONSTRAINT service_traffic_status_4xx_check CHECK ((status_4xx >= 0)),
  CONSTRAINT service_traffic_status_5xx_check CHECK ((status_5xx >= 0)),
  CONSTRAINT service_traffic_token_answers_check CHECK ((token_answers >= 0)),
  CONSTRAINT service_traffic_token_ms_check CHECK ((token_ms >= (0)::numeric)),
  CONSTRAINT service_traffic_token_silent_check CHECK ((token_silent >= 0)),
  CONSTRAINT service_traffic_took_ms_check CHECK ((took_ms >= (0)::numeric)),
  CONSTRAINT service_traffic_unanswered_check CHECK ((unanswered >= 0))
);
CREATE INDEX idx_service_traffic_gateways ON service_traffic USING btree (minute) WHERE ((gateway)::text <> 'all'::text);
CREATE INDEX idx_service_traffic_minute ON service_traffic USING btree (minute);

CREATE TABLE session_tickets (
  token_hash varchar(64) NOT NULL,
  api_key_id bigint NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT session_tickets_pkey PRIMARY KEY (token_hash),
  CONSTRAINT session_tickets_end_later CHECK ((expires_at > made_at))
);
CREATE INDEX idx_session_tickets_expires ON session_tickets USING btree (expires_at);
CREATE INDEX idx_session_tickets_key ON session_tickets USING btree (api_key_id);

CREATE TABLE settings (
  key varchar(64) NOT NULL,
  value text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT settings_pkey PRIMARY KEY (key)
);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE specs (
  spec varchar(64) NOT NULL,
  shape jsonb,
  description text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz,
  retired_lines text[] NOT NULL DEFAULT '{}',
  CONSTRAINT specs_pkey PRIMARY KEY (spec),
  CONSTRAINT specs_shape_check CHECK ((jsonb_typeof(shape) = 'object'::text))
);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON specs FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE ssh_keys (
  id bigserial,
  customer_id bigint NOT NULL,
  name varchar(128) NOT NULL,
  public_key text NOT NULL,
  fingerprint varchar(128) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ssh_keys_pkey PRIMARY KEY (id),
  CONSTRAINT ssh_keys_customer_id_fingerprint_key UNIQUE (customer_id, fingerprint)
);

CREATE TABLE ssh_passwords (
  env_id varchar(64) NOT NULL,
  hash varchar(256) NOT NULL,
  set_by varchar(160) NOT NULL,
  set_at timestamptz NOT NULL,
  CONSTRAINT ssh_passwords_pkey PRIMARY KEY (env_id),
  CONSTRAINT ssh_passwords_hash_check CHECK (((hash)::text ~~ '$6$%'::text))
);

CREATE TABLE ssh_tickets (
  id bigint NOT NULL,
  env_id varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  public_key text NOT NULL,
  fingerprint varchar(64) NOT NULL,
  reason text NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_by varchar(160),
  CONSTRAINT ssh_tickets_pkey PRIMARY KEY (id),
  CONSTRAINT ssh_tickets_check CHECK ((expires_at > made_at)),
  CONSTRAINT ssh_tickets_end_by_somebody CHECK (((ended_at IS NULL) = (ended_by IS NULL))),
  CONSTRAINT ssh_tickets_reason_check CHECK ((reason <> ''::text))
);
CREATE INDEX idx_ssh_tickets_customer ON ssh_tickets USING btree (customer_id);
CREATE INDEX idx_ssh_tickets_env ON ssh_tickets USING btree (env_id, id);
CREATE INDEX idx_ssh_tickets_open ON ssh_tickets USING btree (expires_at) WHERE (ended_at IS NULL);

CREATE TABLE storage_days (
  workspace_id bigint NOT NULL,
  day date NOT NULL,
  customer_id bigint NOT NULL,
  samples integer NOT NULL,
  average_gb numeric(20,6) NOT NULL,
  billable_gb numeric(20,6) NOT NULL,
  unit_price numeric(18,6),
  amount numeric(20,4) NOT NULL,
  transaction_id bigint,
  charged_at timestamptz NOT NULL,
  CONSTRAINT storage_days_pkey PRIMARY KEY (workspace_id, day),
  CONSTRAINT storage_days_amount_check CHECK ((amount >= (0)::numeric)),
  CONSTRAINT storage_days_amount_is_posted CHECK (((amount > (0)::numeric) = (transaction_id IS NOT NULL))),
  CONSTRAINT storage_days_average_gb_check CHECK ((average_gb >= (0)::numeric)),
  CONSTRAINT storage_days_billable_gb_check CHECK ((billable_gb >= (0)::numeric)),
  CONSTRAINT storage_days_samples_check CHECK ((samples > 0)),
  CONSTRAINT storage_days_unit_price_check CHECK ((unit_price >= (0)::numeric)),
  CONSTRAINT storage_days_unrated_is_free CHECK (((unit_price IS NOT NULL) OR (amount = (0)::numeric)))
);
CREATE INDEX idx_storage_days_customer ON storage_days USING btree (customer_id);
CREATE INDEX idx_storage_days_transaction ON storage_days USING btree (transaction_id);

CREATE TABLE storage_hours (
  storage_pool varchar(64) NOT NULL,
  hour timestamptz NOT NULL,
  host_id varchar(64) NOT NULL,
  claimed_at timestamptz NOT NULL,
  finished_at timestamptz,
  CONSTRAINT storage_hours_pkey PRIMARY KEY (storage_pool, hour),
  CONSTRAINT storage_hours_hour_check CHECK ((mod(EXTRACT(epoch FROM hour), (3600)::numeric) = (0)::numeric))
);
CREATE INDEX idx_storage_hours_host ON storage_hours USING btree (host_id);

CREATE TABLE storage_pools (
  name varchar(64) NOT NULL,
  disk_bytes bigint NOT NULL,
  set_at timestamptz NOT NULL,
  set_by varchar(160) NOT NULL,
  CONSTRAINT storage_pools_pkey PRIMARY KEY (name),
  CONSTRAINT storage_pools_disk_bytes_check CHECK ((disk_bytes > 0)),
  CONSTRAINT storage_pools_name_check CHECK (((name)::text <> ''::text))
);

CREATE TABLE storage_samples (
  workspace_id bigint NOT NULL,
  storage_pool varchar(64) NOT NULL,
  hour timestamptz NOT NULL,
  bytes bigint,
  excess_bytes bigint NOT NULL DEFAULT 0,
  CONSTRAINT storage_samples_pkey PRIMARY KEY (workspace_id, storage_pool, hour),
  CONSTRAINT storage_samples_say_something CHECK (((excess_bytes >= 0) AND (bytes >= 0) AND ((bytes > 0) OR (excess_bytes > 0))))
);
CREATE INDEX idx_storage_samples_hour ON storage_samples USING btree (hour);
CREATE INDEX idx_storage_samples_pool_hour ON storage_samples USING btree (storage_pool, hour);

CREATE TABLE training_job_groups (
  id varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  workspace_id bigint,
  name varchar(128) NOT NULL,
  first_index integer NOT NULL,
  last_index integer NOT NULL,
  at_once integer,
  created_at timestamptz NOT NULL,
  deleted_at timestamptz,
  CONSTRAINT training_job_groups_pkey PRIMARY KEY (id),
  CONSTRAINT training_job_groups_at_once_check CHECK (((at_once >= 1) AND (at_once <= 1000))),
  CONSTRAINT training_job_groups_range_check CHECK (((first_index >= 0) AND (last_index >= first_index) AND ((last_index - first_index) < 1000)))
);
CREATE INDEX idx_training_job_groups_customer ON training_job_groups USING btree (customer_id);
CREATE INDEX idx_training_job_groups_workspace ON training_job_groups USING btree (workspace_id);

CREATE TABLE training_jobs (
  id varchar(64) NOT NULL,
  customer_id bigint NOT NULL,
  workspace_id bigint,
  env_id varchar(64),
  name varchar(256) NOT NULL,
  description text,
  framework varchar(64),
  status varchar(20) DEFAULT 'pending',
  priority integer DEFAULT 0,
  cpu integer,
  memory bigint,
  gpu integer,
  started_at timestamptz,
  completed_at timestamptz,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  image varchar(256) NOT NULL,
  mounted_datasets jsonb,
  mounted_models jsonb,
  command text NOT NULL,
  env_vars jsonb,
  output_path varchar(512) DEFAULT '/gemini/output/',
  node_count integer DEFAULT 1,
  distributed_config jsonb,
  gpu_memory bigint,
  deleted_at timestamptz,
  config jsonb,
  status_reason text,
  status_deadline_at timestamptz,
  queued_at timestamptz,
  confirmed_at timestamptz DEFAULT now(),
  placed_at timestamptz,
  attempt integer NOT NULL DEFAULT 1,
  infrastructure_retries integer NOT NULL DEFAULT 0,
  program_retries integer NOT NULL DEFAULT 0,
  cancel_ordered_at timestamptz,
  code_id varchar(64),
  mounts_env_code boolean NOT NULL DEFAULT false,
  group_id varchar(64),
  array_index integer,
  status_reason_code varchar(64),
  status_reason_params jsonb,
  CONSTRAINT training_jobs_pkey PRIMARY KEY (id),
  CONSTRAINT training_jobs_array_check CHECK (((group_id IS NULL) = (array_index IS NULL))),
  CONSTRAINT training_jobs_attempt_check CHECK (((attempt >= 1) AND (attempt <= 20))),
  CONSTRAINT training_jobs_config_check CHECK ((jsonb_typeof(config) = 'object'::text)),
  CONSTRAINT training_jobs_distributed_config_check CHECK ((jsonb_typeof(distributed_config) = 'object'::text)),
  CONSTRAINT training_jobs_env_vars_check CHECK (env_vars_ok(env_vars)),
  CONSTRAINT training_jobs_mounted_datasets_check CHECK (mounted_ids_ok(mounted_datasets)),
  CONSTRAINT training_jobs_mounted_models_check CHECK (mounted_ids_ok(mounted_models)),
  CONSTRAINT training_jobs_new_size_check CHECK (((gpu_memory >= 0) AND (node_count >= 1))),
  CONSTRAINT training_jobs_retries_check CHECK (((infrastructure_retries >= 0) AND (program_retries >= 0)))
);
ALTER TABLE training_jobs
  ADD CONSTRAINT training_jobs_size_check CHECK (((cpu > 0) AND (memory > 0) AND (gpu >= 0))) NOT VALID,
  ADD CONSTRAINT training_jobs_status_check CHECK (((status IS NOT NULL) AND (status IN ('pending', 'queued', 'running', 'stopping', 'completed', 'failed', 'cancelled')))) NOT VALID;
CREATE INDEX idx_training_jobs_code ON training_jobs USING btree (code_id) WHERE (code_id IS NOT NULL);
CREATE INDEX idx_training_jobs_created_at ON training_jobs USING btree (created_at DESC);
CREATE INDEX idx_training_jobs_customer ON training_jobs USING btree (customer_id);
CREATE INDEX idx_training_jobs_deleted_at ON training_jobs USING btree (deleted_at);
CREATE INDEX idx_training_jobs_distributed_config ON training_jobs USING gin (distributed_config);
CREATE INDEX idx_training_jobs_env ON training_jobs USING btree (env_id);
CREATE INDEX idx_training_jobs_env_vars ON training_jobs USING gin (env_vars);
CREATE UNIQUE INDEX idx_training_jobs_group ON training_jobs USING btree (group_id, array_index);
CREATE INDEX idx_training_jobs_mounted_datasets ON training_jobs USING gin (mounted_datasets);
CREATE INDEX idx_training_jobs_mounted_models ON training_jobs USING gin (mounted_models);
CREATE INDEX idx_training_jobs_status ON training_jobs USING btree (status);
CREATE INDEX idx_training_jobs_updated_at ON training_jobs USING btree (updated_at);
CREATE INDEX idx_training_jobs_workspace ON training_jobs USING btree (workspace_id);
CREATE TRIGGER forget_reason_code BEFORE UPDATE OF status_reason ON training_jobs FOR EACH ROW WHEN (((new.status_reason_code IS NOT NULL) AND (new.status_reason IS DISTINCT FROM old.status_reason) AND (NOT ((new.status_reason_code)::text IS DISTINCT FROM (old.status_reason_code)::text)) AND (NOT (new.status_reason_params IS DISTINCT FROM old.status_reason_params)))) EXECUTE FUNCTION forget_reason_code();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON training_jobs FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE upgrade_definitions (
  id bigserial,
  kind varchar(16) NOT NULL,
  table_name varchar(64) NOT NULL,
  name text NOT NULL,
  definition text NOT NULL,
  CONSTRAINT upgrade_definitions_pkey PRIMARY KEY (id),
  CONSTRAINT upgrade_definitions_kind_check CHECK ((kind IN ('column', 'constraint', 'index', 'trigger', 'function')))
);

CREATE TABLE upgrade_findings (
  id bigserial,
  finding varchar(16) NOT NULL,
  table_name varchar(64) NOT NULL,
  row_id varchar(64) NOT NULL,
  column_name varchar(64) NOT NULL,
  old_value text,
  new_value text,
  note text NOT NULL,
  CONSTRAINT upgrade_findings_pkey PRIMARY KEY (id),
  CONSTRAINT upgrade_findings_finding_check CHECK ((finding IN ('no source', 'differs', 'review', 'changed')))
);
CREATE INDEX idx_upgrade_findings_row ON upgrade_findings USING btree (table_name, row_id);

CREATE TABLE urgent_workloads (
  workload_kind varchar(16) NOT NULL,
  workload_id varchar(64) NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT urgent_workloads_pkey PRIMARY KEY (workload_kind, workload_id),
  CONSTRAINT urgent_workloads_workload_kind_check CHECK ((workload_kind IN ('environment', 'training', 'inference')))
);

CREATE TABLE usage_batches (
  host_id varchar(64) NOT NULL,
  journal_id uuid NOT NULL,
  last_seq bigint NOT NULL,
  last_hash varchar(64) NOT NULL,
  signature varchar(128) NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  first_seq bigint,
  previous_hash varchar(64),
  CONSTRAINT usage_batches_pkey PRIMARY KEY (host_id, journal_id, last_seq),
  CONSTRAINT usage_batches_beginning_check CHECK (((first_seq >= 1) AND (first_seq <= last_seq) AND ((first_seq IS NULL) = (previous_hash IS NULL))))
);

CREATE TABLE usage_rows (
  host_id varchar(64) NOT NULL,
  journal_id uuid NOT NULL,
  seq bigint NOT NULL,
  kind varchar(16) NOT NULL,
  run_id varchar(64),
  boot_id uuid,
  start_ms bigint,
  end_ms bigint,
  proof varchar(16),
  final boolean NOT NULL DEFAULT false,
  verdict varchar(16) NOT NULL,
  reason text,
  entry jsonb NOT NULL,
  hash varchar(64) NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT usage_rows_pkey PRIMARY KEY (host_id, journal_id, seq),
  CONSTRAINT usage_rows_seq_check CHECK ((seq >= 1)),
  CONSTRAINT usage_rows_verdict_check CHECK ((verdict IN ('accepted', 'quarantined', 'lost')))
);
CREATE INDEX idx_usage_rows_run ON usage_rows USING btree (run_id);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON usage_rows FOR EACH ROW EXECUTE FUNCTION refuse_change_of_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON usage_rows FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only();

CREATE TABLE web_links (
  token_hash character(64) NOT NULL,
  env_id varchar(64) NOT NULL,
  target varchar(32) NOT NULL,
  customer_id bigint NOT NULL,
  key_id bigint NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT web_links_pkey PRIMARY KEY (token_hash),
  CONSTRAINT web_links_check CHECK ((expires_at > made_at)),
  CONSTRAINT web_links_target_check CHECK (((target)::text ~ '^(jupyter|tensorboard|terminal|[1-9][0-9]{0,4})$'::text))
);
CREATE INDEX idx_web_links_customer ON web_links USING btree (customer_id);
CREATE INDEX idx_web_links_env ON web_links USING btree (env_id);
CREATE INDEX idx_web_links_expired ON web_links USING btree (expires_at);

CREATE TABLE web_shares (
  id bigserial,
  env_id varchar(64) NOT NULL,
  target varchar(32) NOT NULL,
  token_hash character(64) NOT NULL,
  customer_id bigint NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz,
  ended_at timestamptz,
  ended_by varchar(160),
  CONSTRAINT web_shares_pkey PRIMARY KEY (id),
  CONSTRAINT web_shares_check CHECK ((expires_at > made_at)),
  CONSTRAINT web_shares_end_by_somebody CHECK (((ended_at IS NULL) = (ended_by IS NULL))),
  CONSTRAINT web_shares_target_check CHECK (((target)::text ~ '^(jupyter|tensorboard|[1-9][0-9]{0,4})$'::text)),
  CONSTRAINT web_shares_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX idx_web_shares_customer ON web_shares USING btree (customer_id);
CREATE INDEX idx_web_shares_env ON web_shares USING btree (env_id, id);

CREATE TABLE webhook_deliveries (
  id bigserial,
  webhook_id bigint NOT NULL,
  alert_id bigint,
  kind varchar(16) NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL,
  tries integer NOT NULL DEFAULT 0,
  next_try_at timestamptz NOT NULL,
  last_try_at timestamptz,
  last_status integer,
  last_error text,
  last_answer text,
  delivered_at timestamptz,
  given_up_at timestamptz,
  CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id),
  CONSTRAINT webhook_deliveries_kind_check CHECK ((kind IN ('low-balance', 'hours-left', 'budget', 'overdue', 'suspended', 'data-at-risk', 'ready', 'failed', 'stopped', 'restarting', 'drained', 'lease-due', 'job-started', 'job-ended', 'job-retried', 'job-stalled', 'service-serving', 'service-failed', 'service-stopped', 'service-scaled', 'service-rollout', 'alarm', 'test', 'skipped'))),
  CONSTRAINT webhook_deliveries_one_end CHECK (((delivered_at IS NULL) OR (given_up_at IS NULL))),
  CONSTRAINT webhook_deliveries_tries_check CHECK ((tries >= 0))
);
CREATE INDEX idx_webhook_deliveries_alert ON webhook_deliveries USING btree (alert_id);
CREATE INDEX idx_webhook_deliveries_due ON webhook_deliveries USING btree (next_try_at) WHERE ((delivered_at IS NULL) AND (given_up_at IS NULL));
CREATE INDEX idx_webhook_deliveries_waiting ON webhook_deliveries USING btree (webhook_id) WHERE ((delivered_at IS NULL) AND (given_up_at IS NULL));
CREATE INDEX idx_webhook_deliveries_webhook ON webhook_deliveries USING btree (webhook_id, id);

CREATE TABLE webhooks (
  id bigserial,
  customer_id bigint NOT NULL,
  url varchar(2048) NOT NULL,
  secret varchar(512) NOT NULL,
  kinds varchar(16)[],
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT webhooks_pkey PRIMARY KEY (id),
  CONSTRAINT webhooks_kinds_check CHECK ((kinds <@ ARRAY['low-balance'::character varying, 'hours-left'::character varying, 'budget'::character varying, 'overdue'::character varying, 'suspended'::character varying, 'data-at-risk'::character varying, 'ready'::character varying, 'failed'::character varying, 'stopped'::character varying, 'restarting'::character varying, 'drained'::character varying, 'lease-due'::character varying, 'job-started'::character varying, 'job-ended'::character varying, 'job-retried'::character varying, 'job-stalled'::character varying, 'service-serving'::character varying, 'service-failed'::character varying, 'service-stopped'::character varying, 'service-scaled'::character varying, 'service-rollout'::character varying, 'alarm'::character varying]))
);
CREATE INDEX idx_webhooks_customer ON webhooks USING btree (customer_id, id);

CREATE TABLE workspace_invitations (
  id varchar(64) NOT NULL,
  workspace_id bigint NOT NULL,
  invited_by bigint NOT NULL,
  email varchar(128),
  username varchar(64),
  role varchar(32) NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  declined_at timestamptz,
  ended_at timestamptz,
  CONSTRAINT workspace_invitations_pkey PRIMARY KEY (id),
  CONSTRAINT workspace_invitations_check CHECK ((num_nonnulls(email, username) = 1)),
  CONSTRAINT workspace_invitations_role_check CHECK ((role IN ('admin', 'member', 'viewer')))
);
CREATE INDEX idx_workspace_invitations_invited_by ON workspace_invitations USING btree (invited_by, created_at);
CREATE INDEX idx_workspace_invitations_workspace ON workspace_invitations USING btree (workspace_id, id);
CREATE UNIQUE INDEX workspace_invitations_one_for_email ON workspace_invitations USING btree (workspace_id, email) WHERE (ended_at IS NULL);
CREATE UNIQUE INDEX workspace_invitations_one_for_username ON workspace_invitations USING btree (workspace_id, username) WHERE (ended_at IS NULL);

CREATE TABLE workspace_members (
  id bigserial,
  workspace_id bigint NOT NULL,
  customer_id bigint NOT NULL,
  role varchar(32) DEFAULT 'member',
  status varchar(32) DEFAULT 'active',
  joined_at timestamptz DEFAULT now(),
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  invitation_id varchar(64),
  CONSTRAINT workspace_members_pkey PRIMARY KEY (id),
  CONSTRAINT workspace_members_workspace_id_customer_id_key UNIQUE (workspace_id, customer_id)
);
ALTER TABLE workspace_members
  ADD CONSTRAINT workspace_members_role_check CHECK ((role IN ('owner', 'admin', 'member', 'viewer'))) NOT VALID,
  ADD CONSTRAINT workspace_members_status_check CHECK ((status IN ('active', 'invited', 'suspended'))) NOT VALID;
CREATE INDEX idx_workspace_members_customer ON workspace_members USING btree (customer_id);
CREATE INDEX idx_workspace_members_invitation ON workspace_members USING btree (invitation_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON workspace_members FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE workspaces (
  id bigserial,
  uuid uuid DEFAULT uuid_generate_v4(),
  owner_id bigint NOT NULL,
  name varchar(128) NOT NULL,
  description text,
  type varchar(32) DEFAULT 'personal',
  member_count integer DEFAULT 1,
  status varchar(32) DEFAULT 'active',
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  share_weight integer NOT NULL DEFAULT 1,
  CONSTRAINT workspaces_pkey PRIMARY KEY (id),
  CONSTRAINT workspaces_share_weight_check CHECK (((share_weight >= 1) AND (share_weight <= 1000))),
  CONSTRAINT workspaces_uuid_key UNIQUE (uuid)
);
ALTER TABLE workspaces
  ADD CONSTRAINT workspaces_status_check CHECK ((status IN ('active', 'archived'))) NOT VALID,
  ADD CONSTRAINT workspaces_type_check CHECK ((type IN ('personal', 'team', 'enterprise'))) NOT VALID;
CREATE INDEX idx_workspaces_owner ON workspaces USING btree (owner_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON workspaces FOR EACH ROW EXECUTE FUNCTION set_updated_at();

ALTER TABLE access_attempts
  ADD CONSTRAINT access_attempts_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id) ON DELETE CASCADE,
  ADD CONSTRAINT access_attempts_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE access_sessions
  ADD CONSTRAINT access_sessions_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id) ON DELETE CASCADE,
  ADD CONSTRAINT access_sessions_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE agent_upgrade_results
  ADD CONSTRAINT agent_upgrade_results_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE;

ALTER TABLE alert_rules
  ADD CONSTRAINT alert_rules_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);

ALTER TABLE alerts
  ADD CONSTRAINT alerts_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);

ALTER TABLE api_keys
  ADD CONSTRAINT api_keys_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);

ALTER TABLE billing_records
  ADD CONSTRAINT billing_records_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) NOT VALID,
  ADD CONSTRAINT billing_records_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id),
  ADD CONSTRAINT billing_records_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES ledger_transactions(id),
  ADD CONSTRAINT billing_records_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) NOT VALID;

ALTER TABLE browser_sessions
  ADD CONSTRAINT browser_sessions_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id) ON DELETE CASCADE,
  ADD CONSTRAINT browser_sessions_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) ON DELETE CASCADE;

ALTER TABLE code_parts
  ADD CONSTRAINT code_parts_code_id_fkey FOREIGN KEY (code_id) REFERENCES codes(id) ON DELETE CASCADE;

ALTER TABLE codes
  ADD CONSTRAINT codes_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) ON DELETE CASCADE;

ALTER TABLE customer_identities
  ADD CONSTRAINT customer_identities_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id),
  ADD CONSTRAINT customer_identities_session_key_id_fkey FOREIGN KEY (session_key_id) REFERENCES api_keys(id);

ALTER TABLE data_copies
  ADD CONSTRAINT data_copies_begun_by_fkey FOREIGN KEY (begun_by) REFERENCES customers(id),
  ADD CONSTRAINT data_copies_dataset_id_fkey FOREIGN KEY (dataset_id) REFERENCES datasets(id) ON DELETE CASCADE,
  ADD CONSTRAINT data_copies_model_id_fkey FOREIGN KEY (model_id) REFERENCES models(id) ON DELETE CASCADE;

ALTER TABLE data_pools
  ADD CONSTRAINT data_pools_dataset_id_fkey FOREIGN KEY (dataset_id) REFERENCES datasets(id) ON DELETE CASCADE,
  ADD CONSTRAINT data_pools_model_id_fkey FOREIGN KEY (model_id) REFERENCES models(id) ON DELETE CASCADE;

ALTER TABLE data_removals
  ADD CONSTRAINT data_removals_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);

ALTER TABLE data_risks
  ADD CONSTRAINT data_risks_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);

ALTER TABLE dataset_versions
  ADD CONSTRAINT dataset_versions_dataset_id_fkey FOREIGN KEY (dataset_id) REFERENCES datasets(id) NOT VALID;

ALTER TABLE datasets
  ADD CONSTRAINT datasets_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) NOT VALID,
  ADD CONSTRAINT datasets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) NOT VALID;

ALTER TABLE environments
  ADD CONSTRAINT environments_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) NOT VALID,
  ADD CONSTRAINT environments_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) NOT VALID,
  ADD CONSTRAINT environments_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) NOT VALID;

ALTER TABLE fleet_upgrade_hosts
  ADD CONSTRAINT fleet_upgrade_hosts_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE,
  ADD CONSTRAINT fleet_upgrade_hosts_upgrade_id_fkey FOREIGN KEY (upgrade_id) REFERENCES fleet_upgrades(id) ON DELETE CASCADE;

ALTER TABLE gang_breaks
  ADD CONSTRAINT gang_breaks_broken_by_fkey FOREIGN KEY (broken_by) REFERENCES runs(id),
  ADD CONSTRAINT gang_breaks_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id);

ALTER TABLE gang_pair_skips
  ADD CONSTRAINT gang_pair_skips_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id),
  ADD CONSTRAINT gang_pair_skips_other_host_id_fkey FOREIGN KEY (other_host_id) REFERENCES hosts(id);

ALTER TABLE gateway_reports
  ADD CONSTRAINT gateway_reports_gateway_id_fkey FOREIGN KEY (gateway_id) REFERENCES gateways(id) ON DELETE CASCADE;

ALTER TABLE gateway_routes
  ADD CONSTRAINT gateway_routes_gateway_id_fkey FOREIGN KEY (gateway_id) REFERENCES gateways(id) ON DELETE CASCADE,
  ADD CONSTRAINT gateway_routes_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE gpu_allocations
  ADD CONSTRAINT gpu_allocations_gpu_uuid_fkey FOREIGN KEY (gpu_uuid) REFERENCES gpus(uuid),
  ADD CONSTRAINT gpu_allocations_mode_fkey FOREIGN KEY (gpu_uuid, mode) REFERENCES gpus(uuid, sharing_mode),
  ADD CONSTRAINT gpu_allocations_placement_fkey FOREIGN KEY (instance_id, epoch) REFERENCES placements(instance_id, epoch);

ALTER TABLE gpu_closures
  ADD CONSTRAINT gpu_closures_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id) ON DELETE CASCADE;

ALTER TABLE gpu_fault_events
  ADD CONSTRAINT gpu_fault_events_gpu_uuid_fkey FOREIGN KEY (gpu_uuid) REFERENCES gpus(uuid) ON DELETE CASCADE;

ALTER TABLE gpu_health
  ADD CONSTRAINT gpu_health_gpu_uuid_fkey FOREIGN KEY (gpu_uuid) REFERENCES gpus(uuid) ON DELETE CASCADE;

ALTER TABLE gpu_history
  ADD CONSTRAINT gpu_history_gpu_id_fkey FOREIGN KEY (gpu_id) REFERENCES gpus(id);

ALTER TABLE gpu_outages
  ADD CONSTRAINT gpu_outages_gpu_uuid_fkey FOREIGN KEY (gpu_uuid) REFERENCES gpus(uuid) ON DELETE CASCADE,
  ADD CONSTRAINT gpu_outages_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE gpus
  ADD CONSTRAINT gpus_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) NOT VALID;

ALTER TABLE host_boots
  ADD CONSTRAINT host_boots_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE host_canaries
  ADD CONSTRAINT host_canaries_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE;

ALTER TABLE host_credentials
  ADD CONSTRAINT host_credentials_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE host_cve_waivers
  ADD CONSTRAINT host_cve_waivers_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE;

ALTER TABLE host_deaths
  ADD CONSTRAINT host_deaths_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE host_drains
  ADD CONSTRAINT host_drains_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE;

ALTER TABLE host_drills
  ADD CONSTRAINT host_drills_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE;

ALTER TABLE host_images
  ADD CONSTRAINT host_images_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE;

ALTER TABLE host_journals
  ADD CONSTRAINT host_journals_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE host_kernel_notes
  ADD CONSTRAINT host_kernel_notes_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE;

ALTER TABLE host_pulls
  ADD CONSTRAINT host_pulls_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE;

ALTER TABLE host_versions
  ADD CONSTRAINT host_versions_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE;

ALTER TABLE idempotency_keys
  ADD CONSTRAINT idempotency_keys_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id);

ALTER TABLE identity_invitations
  ADD CONSTRAINT identity_invitations_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);

ALTER TABLE idle_watches
  ADD CONSTRAINT idle_watches_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id) ON DELETE CASCADE;

ALTER TABLE image_fetches
  ADD CONSTRAINT image_fetches_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) ON DELETE CASCADE;

ALTER TABLE inference_services
  ADD CONSTRAINT inference_services_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) NOT VALID,
  ADD CONSTRAINT inference_services_model_id_fkey FOREIGN KEY (model_id) REFERENCES models(id) NOT VALID,
  ADD CONSTRAINT inference_services_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) NOT VALID;

ALTER TABLE instance_figures
  ADD CONSTRAINT instance_figures_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES instances(id) ON DELETE CASCADE;

ALTER TABLE invoice_lines
  ADD CONSTRAINT invoice_lines_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES invoices(id);

ALTER TABLE invoice_movements
  ADD CONSTRAINT invoice_movements_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES invoices(id),
  ADD CONSTRAINT invoice_movements_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES ledger_transactions(id);

ALTER TABLE invoices
  ADD CONSTRAINT invoices_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) NOT VALID;

ALTER TABLE join_tokens
  ADD CONSTRAINT join_tokens_created_by_fkey FOREIGN KEY (created_by) REFERENCES customers(id),
  ADD CONSTRAINT join_tokens_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE lease_orders
  ADD CONSTRAINT lease_orders_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id),
  ADD CONSTRAINT lease_orders_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE ledger_entries
  ADD CONSTRAINT ledger_entries_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id),
  ADD CONSTRAINT ledger_entries_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES ledger_transactions(id);

ALTER TABLE ledger_transactions
  ADD CONSTRAINT ledger_transactions_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id),
  ADD CONSTRAINT ledger_transactions_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id);

ALTER TABLE model_versions
  ADD CONSTRAINT model_versions_model_id_fkey FOREIGN KEY (model_id) REFERENCES models(id) NOT VALID;

ALTER TABLE models
  ADD CONSTRAINT models_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) NOT VALID,
  ADD CONSTRAINT models_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) NOT VALID;

ALTER TABLE placement_host_skips
  ADD CONSTRAINT placement_host_skips_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE placements
  ADD CONSTRAINT placements_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id),
  ADD CONSTRAINT placements_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES instances(id),
  ADD CONSTRAINT placements_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE port_mappings
  ADD CONSTRAINT port_mappings_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id) NOT VALID,
  ADD CONSTRAINT port_mappings_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id) NOT VALID;

ALTER TABLE prices
  ADD CONSTRAINT prices_created_by_fkey FOREIGN KEY (created_by) REFERENCES customers(id);

ALTER TABLE quarantine
  ADD CONSTRAINT quarantine_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE rdp_passwords
  ADD CONSTRAINT rdp_passwords_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id) ON DELETE CASCADE;

ALTER TABLE registry_credentials
  ADD CONSTRAINT registry_credentials_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id),
  ADD CONSTRAINT registry_credentials_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id);

ALTER TABLE resource_quotas
  ADD CONSTRAINT resource_quotas_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) NOT VALID,
  ADD CONSTRAINT resource_quotas_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) NOT VALID;

ALTER TABLE run_ends
  ADD CONSTRAINT run_ends_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id) ON DELETE CASCADE;

ALTER TABLE run_gpu_faults
  ADD CONSTRAINT run_gpu_faults_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id) ON DELETE CASCADE;

ALTER TABLE run_lines
  ADD CONSTRAINT run_lines_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id);

ALTER TABLE run_readiness
  ADD CONSTRAINT run_readiness_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id) ON DELETE CASCADE;

ALTER TABLE run_restarts
  ADD CONSTRAINT run_restarts_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id) ON DELETE CASCADE;

ALTER TABLE run_time
  ADD CONSTRAINT run_time_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id),
  ADD CONSTRAINT run_time_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id);

ALTER TABLE run_waivers
  ADD CONSTRAINT run_waivers_allowance_of_fkey FOREIGN KEY (allowance_of) REFERENCES customers(id),
  ADD CONSTRAINT run_waivers_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id);

ALTER TABLE runs
  ADD CONSTRAINT runs_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id),
  ADD CONSTRAINT runs_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id),
  ADD CONSTRAINT runs_ordered_by_fkey FOREIGN KEY (ordered_by) REFERENCES customers(id),
  ADD CONSTRAINT runs_placement_fkey FOREIGN KEY (instance_id, epoch) REFERENCES placements(instance_id, epoch) DEFERRABLE INITIALLY DEFERRED,
  ADD CONSTRAINT runs_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id);

ALTER TABLE scaling_checks
  ADD CONSTRAINT scaling_checks_service_id_fkey FOREIGN KEY (service_id) REFERENCES inference_services(id) ON DELETE CASCADE;

ALTER TABLE sealed_samples
  ADD CONSTRAINT sealed_samples_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id);

ALTER TABLE service_keys
  ADD CONSTRAINT service_keys_service_id_fkey FOREIGN KEY (service_id) REFERENCES inference_services(id) ON DELETE CASCADE;

ALTER TABLE service_revisions
  ADD CONSTRAINT service_revisions_service_id_fkey FOREIGN KEY (service_id) REFERENCES inference_services(id);

ALTER TABLE service_rollouts
  ADD CONSTRAINT service_rollouts_service_id_fkey FOREIGN KEY (service_id) REFERENCES inference_services(id),
  ADD CONSTRAINT service_rollouts_service_id_from_revision_fkey FOREIGN KEY (service_id, from_revision) REFERENCES service_revisions(service_id, number),
  ADD CONSTRAINT service_rollouts_service_id_target_fkey FOREIGN KEY (service_id, target) REFERENCES service_revisions(service_id, number);

ALTER TABLE service_traffic
  ADD CONSTRAINT service_traffic_service_id_fkey FOREIGN KEY (service_id) REFERENCES inference_services(id);

ALTER TABLE session_tickets
  ADD CONSTRAINT session_tickets_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id) ON DELETE CASCADE;

ALTER TABLE ssh_keys
  ADD CONSTRAINT ssh_keys_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);

ALTER TABLE ssh_passwords
  ADD CONSTRAINT ssh_passwords_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id) ON DELETE CASCADE;

ALTER TABLE ssh_tickets
  ADD CONSTRAINT ssh_tickets_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id),
  ADD CONSTRAINT ssh_tickets_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id) ON DELETE CASCADE;

ALTER TABLE storage_days
  ADD CONSTRAINT storage_days_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id),
  ADD CONSTRAINT storage_days_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES ledger_transactions(id),
  ADD CONSTRAINT storage_days_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id);

ALTER TABLE storage_hours
  ADD CONSTRAINT storage_hours_host_id_fkey FOREIGN KEY (host_id) REFERENCES hosts(id);

ALTER TABLE storage_samples
  ADD CONSTRAINT storage_samples_storage_pool_hour_fkey FOREIGN KEY (storage_pool, hour) REFERENCES storage_hours(storage_pool, hour),
  ADD CONSTRAINT storage_samples_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id);

ALTER TABLE training_job_groups
  ADD CONSTRAINT training_job_groups_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id),
  ADD CONSTRAINT training_job_groups_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id);

ALTER TABLE training_jobs
  ADD CONSTRAINT training_jobs_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) NOT VALID,
  ADD CONSTRAINT training_jobs_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id) NOT VALID,
  ADD CONSTRAINT training_jobs_group_id_fkey FOREIGN KEY (group_id) REFERENCES training_job_groups(id),
  ADD CONSTRAINT training_jobs_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) NOT VALID;

ALTER TABLE usage_batches
  ADD CONSTRAINT usage_batches_host_id_journal_id_fkey FOREIGN KEY (host_id, journal_id) REFERENCES host_journals(host_id, journal_id);

ALTER TABLE web_links
  ADD CONSTRAINT web_links_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id),
  ADD CONSTRAINT web_links_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id) ON DELETE CASCADE;

ALTER TABLE web_shares
  ADD CONSTRAINT web_shares_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id),
  ADD CONSTRAINT web_shares_env_id_fkey FOREIGN KEY (env_id) REFERENCES environments(id) ON DELETE CASCADE;

ALTER TABLE webhook_deliveries
  ADD CONSTRAINT webhook_deliveries_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES alerts(id),
  ADD CONSTRAINT webhook_deliveries_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES webhooks(id) ON DELETE CASCADE;

ALTER TABLE webhooks
  ADD CONSTRAINT webhooks_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id);

ALTER TABLE workspace_invitations
  ADD CONSTRAINT workspace_invitations_invited_by_fkey FOREIGN KEY (invited_by) REFERENCES customers(id),
  ADD CONSTRAINT workspace_invitations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id);

ALTER TABLE workspace_members
  ADD CONSTRAINT workspace_members_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers(id) NOT VALID,
  ADD CONSTRAINT workspace_members_invitation_id_fkey FOREIGN KEY (invitation_id) REFERENCES workspace_invitations(id),
  ADD CONSTRAINT workspace_members_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) NOT VALID;

ALTER TABLE workspaces
  ADD CONSTRAINT workspaces_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES customers(id) NOT VALID;

CREATE VIEW workload_reasons AS
 SELECT 'environment'::text AS kind,
    environments.id,
    environments.status_reason,
    environments.status_reason_code,
    environments.status_reason_params
   FROM environments
UNION ALL
 SELECT 'training'::text AS kind,
    training_jobs.id,
    training_jobs.status_reason,
    training_jobs.status_reason_code,
    training_jobs.status_reason_params
   FROM training_jobs
UNION ALL
 SELECT 'inference'::text AS kind,
    inference_services.id,
    inference_services.status_reason,
    inference_services.status_reason_code,
    inference_services.status_reason_params
   FROM inference_services;

CREATE VIEW workloads AS
 SELECT 'environment'::text AS kind,
    environments.id,
    environments.customer_id,
    environments.workspace_id,
    environments.name,
    environments.status,
    environments.status_reason,
    environments.status_deadline_at,
    environments.created_at,
    environments.updated_at,
    environments.deleted_at,
    ((environments.status)::text = ANY (ARRAY['creating'::text, 'restarting'::text])) AS is_starting,
    false AS is_derived,
    false AS is_over
   FROM environments
UNION ALL
 SELECT 'training'::text AS kind,
    training_jobs.id,
    training_jobs.customer_id,
    training_jobs.workspace_id,
    training_jobs.name,
    training_jobs.status,
    training_jobs.status_reason,
    training_jobs.status_deadline_at,
    training_jobs.created_at,
    training_jobs.updated_at,
    training_jobs.deleted_at,
    (((training_jobs.status)::text = 'queued'::text) AND (training_jobs.placed_at IS NOT NULL)) AS is_starting,
    (((training_jobs.status)::text = ANY (ARRAY['running'::text, 'stopping'::text])) OR (((training_jobs.status)::text = 'queued'::text) AND (training_jobs.placed_at IS NOT NULL))) AS is_derived,
    ((training_jobs.status)::text = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])) AS is_over
   FROM training_jobs
UNION ALL
 SELECT 'inference'::text AS kind,
    inference_services.id,
    inference_services.customer_id,
    inference_services.workspace_id,
    inference_services.name,
    inference_services.status,
    inference_services.status_reason,
    inference_services.status_deadline_at,
    inference_services.created_at,
    inference_services.updated_at,
    inference_services.deleted_at,
    false AS is_starting,
    false AS is_derived,
    false AS is_over
   FROM inference_services;
