-- Who was in environments, as the relays of their hosts wrote it down: of ssh a connection that logged in or lasted, of
-- other services what one address did in a row. A row is its host's word, within what was ordered of that host.
CREATE TABLE IF NOT EXISTS access_sessions (
  id bigserial PRIMARY KEY,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  -- By which the host knows it.
  session_id varchar(64) NOT NULL,
  env_id varchar(64) NOT NULL REFERENCES environments ON DELETE CASCADE,
  instance_id varchar(64) NOT NULL,
  run_id varchar(64) NOT NULL,
  lease_id varchar(64) NOT NULL,
  service_type varchar(32) NOT NULL CHECK (service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom')),
  client_address varchar(64) NOT NULL,
  opened_at timestamptz NOT NULL,
  bytes_in bigint NOT NULL CHECK (bytes_in >= 0),
  bytes_out bigint NOT NULL CHECK (bytes_out >= 0),
  -- What the container told of the login, which root of the container can make it say.
  login_method varchar(16) CHECK (login_method IN ('publickey', 'password', 'other')),
  login_at timestamptz,
  key_fingerprint varchar(64),
  -- Whose key that was of those who might enter when it was told first. It stays so when the key or the person goes.
  key_customer_id bigint,
  key_name varchar(128),
  key_ticket_id bigint,
  first_told_at timestamptz NOT NULL,
  told_at timestamptz NOT NULL,
  ended_at timestamptz,
  -- 'unheard': nobody told how, and nobody will. Should its host tell all the same, that holds.
  ended_by varchar(16) CHECK (ended_by IN ('client', 'container', 'lost', 'cut', 'silent', 'access-process', 'unheard')),
  end_detail text NOT NULL DEFAULT '',
  -- It is to end: its host is told so until it has.
  cut_at timestamptz,
  cut_by varchar(160),
  cut_reason text,
  CONSTRAINT access_sessions_host_session UNIQUE (host_id, session_id),
  CONSTRAINT access_sessions_end_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
  CONSTRAINT access_sessions_ends_after_it_began CHECK (ended_at >= opened_at),
  CONSTRAINT access_sessions_cut_by_somebody CHECK ((cut_at IS NULL) = (cut_by IS NULL))
);
CREATE INDEX IF NOT EXISTS idx_access_sessions_env ON access_sessions (env_id, opened_at, id);
CREATE INDEX IF NOT EXISTS idx_access_sessions_open ON access_sessions (host_id) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_access_sessions_new ON access_sessions (host_id, first_told_at);
CREATE INDEX IF NOT EXISTS idx_access_sessions_ended ON access_sessions (ended_at) WHERE ended_at IS NOT NULL;

-- Connections of one address to one port that came to nothing, counted by their host for some minutes. Their ids are of
-- the sequence of access_sessions, so that one list has both.
CREATE TABLE IF NOT EXISTS access_attempts (
  id bigint PRIMARY KEY,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  attempts_id varchar(64) NOT NULL,
  env_id varchar(64) NOT NULL REFERENCES environments ON DELETE CASCADE,
  lease_id varchar(64) NOT NULL,
  service_type varchar(32) NOT NULL CHECK (service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom')),
  -- "others" where more addresses came than a host tells apart.
  client_address varchar(64) NOT NULL,
  outcome varchar(16) NOT NULL CHECK (outcome IN ('no-login', 'silent', 'too-many', 'too-fast', 'no-way')),
  attempts bigint NOT NULL CHECK (attempts > 0),
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  told_at timestamptz NOT NULL,
  CONSTRAINT access_attempts_host_attempts UNIQUE (host_id, attempts_id),
  CONSTRAINT access_attempts_end_after_they_began CHECK (last_at >= first_at)
);
CREATE INDEX IF NOT EXISTS idx_access_attempts_env ON access_attempts (env_id, first_at, id);
CREATE INDEX IF NOT EXISTS idx_access_attempts_new ON access_attempts (host_id, told_at);
CREATE INDEX IF NOT EXISTS idx_access_attempts_last ON access_attempts (last_at);

-- Keys by which administrators enter environments of others, each for some minutes and with a reason. Their ids are of
-- the sequence of ssh_keys: hosts tell keys apart by them.
CREATE TABLE IF NOT EXISTS ssh_tickets (
  id bigint PRIMARY KEY,
  env_id varchar(64) NOT NULL REFERENCES environments ON DELETE CASCADE,
  customer_id bigint NOT NULL REFERENCES customers,
  public_key text NOT NULL,
  fingerprint varchar(64) NOT NULL,
  reason text NOT NULL CHECK (reason <> ''),
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > made_at),
  -- It opens nothing any more, and no host is told of it.
  ended_at timestamptz,
  ended_by varchar(160),
  CONSTRAINT ssh_tickets_end_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX IF NOT EXISTS idx_ssh_tickets_env ON ssh_tickets (env_id, id);
CREATE INDEX IF NOT EXISTS idx_ssh_tickets_customer ON ssh_tickets (customer_id);
CREATE INDEX IF NOT EXISTS idx_ssh_tickets_open ON ssh_tickets (expires_at) WHERE ended_at IS NULL;

-- Through the port in its whole life; null where its host does not tell.
ALTER TABLE lease_orders ADD COLUMN IF NOT EXISTS bytes_in bigint CHECK (bytes_in >= 0);
ALTER TABLE lease_orders ADD COLUMN IF NOT EXISTS bytes_out bigint CHECK (bytes_out >= 0);
