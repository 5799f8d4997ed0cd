-- How people reach environments: leased ports, passwords, gateways with their links and shares, the access log, and the idle
-- time that follows from it.

-- The name by which an origin names an environment whose id cannot stand in one. Whoever comes to such an origin requests
-- it before anybody knows who that is, so it is found by an index. In SQL alone it would not count as unchangeable, since
-- how a database writes text could change; ours is UTF-8.
CREATE OR REPLACE FUNCTION web_name_of(environment_id text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN left(encode(sha256(convert_to(environment_id, 'UTF8')), 'hex'), 20);
END $$;

-- Ports that hosts are ordered to hold for services of environments, one row for each taking of a port. A row of
-- port_mappings appears only once the host has bound it. Whoever changes what is wanted raises hosts.generation.
CREATE TABLE IF NOT EXISTS lease_orders (
  -- By which the host knows it.
  id varchar(64) PRIMARY KEY,
  env_id varchar(64) NOT NULL REFERENCES environments,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  service_type varchar(32) NOT NULL CHECK (service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom')),
  internal_port int NOT NULL CHECK (internal_port BETWEEN 1 AND 65535),
  auto_release_hours int NOT NULL CHECK (auto_release_hours BETWEEN 1 AND 87600),
  want varchar(16) NOT NULL DEFAULT 'held' CHECK (want IN ('held', 'released')),
  -- The host's generation that carries the newest order.
  generation bigint NOT NULL CHECK (generation >= 0),
  ordered_by varchar(160) NOT NULL,
  ordered_at timestamptz NOT NULL DEFAULT now(),
  released_by varchar(160),
  release_reason text,
  -- What the host reported of it last.
  state varchar(16) NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'held', 'conflict', 'exhausted', 'released')),
  external_port int CHECK (external_port BETWEEN 1 AND 65535),
  detail text NOT NULL DEFAULT '',
  last_accessed_at timestamptz,
  release_due_at timestamptz,
  state_changed_at timestamptz NOT NULL DEFAULT now(),
  -- The host has reported that it is released, or is gone itself: it leaves the desired set.
  ended_at timestamptz,
  -- Through the port in its whole life; null where its host does not report it.
  bytes_in bigint CHECK (bytes_in >= 0),
  bytes_out bigint CHECK (bytes_out >= 0),
  -- Null while nobody has checked.
  answers_seen boolean,
  -- A sentence where nobody was seen.
  answers_detail varchar(200) NOT NULL DEFAULT '',
  -- Null while none is due.
  release_warning varchar(8)
  CHECK (release_warning IN ('first', 'last')),
  CONSTRAINT lease_orders_release_by_somebody CHECK (want = 'held' OR released_by IS NOT NULL),
  CONSTRAINT lease_orders_ended_when_released CHECK ((ended_at IS NOT NULL) = (state = 'released'))
);
CREATE INDEX IF NOT EXISTS idx_lease_orders_env ON lease_orders (env_id);
CREATE INDEX IF NOT EXISTS idx_lease_orders_host ON lease_orders (host_id);
CREATE INDEX IF NOT EXISTS idx_lease_orders_live ON lease_orders (host_id, ordered_at) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS lease_orders_one_wanted ON lease_orders (env_id, service_type, internal_port)
  WHERE want = 'held' AND ended_at IS NULL;

-- Passwords that open environments by SSH: generated, presented once, and stored as crypt(3) writes them. Most environments
-- have none.
CREATE TABLE IF NOT EXISTS ssh_passwords (
  env_id varchar(64) PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
  hash varchar(256) NOT NULL CHECK (hash LIKE '$6$%'),
  set_by varchar(160) NOT NULL,
  set_at timestamptz NOT NULL
);

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
  lease_id varchar(64),
  service_type varchar(32) NOT NULL,
  client_address varchar(64) NOT NULL,
  opened_at timestamptz NOT NULL,
  bytes_in bigint NOT NULL CHECK (bytes_in >= 0),
  bytes_out bigint NOT NULL CHECK (bytes_out >= 0),
  -- What the container reported of the login, which root of the container can forge.
  login_method varchar(16),
  login_at timestamptz,
  key_fingerprint varchar(64),
  -- Whose key that was of those who might enter when it was reported first. It stays so when the key or the person goes.
  key_customer_id bigint,
  key_name varchar(128),
  key_ticket_id bigint,
  first_reported_at timestamptz NOT NULL,
  reported_at timestamptz NOT NULL,
  ended_at timestamptz,
  -- 'unheard': nobody reported how, and nobody will. Should its host report it all the same, that holds.
  ended_by varchar(16) CHECK (ended_by IN ('client', 'container', 'lost', 'cut', 'silent', 'access-process', 'unheard')),
  end_detail text NOT NULL DEFAULT '',
  -- It is to end: its host is ordered so until it has.
  cut_at timestamptz,
  cut_by varchar(160),
  cut_reason text,
  -- Terminals in the browser stand among sessions: the word of the gateway that serves them, which came by no lease, with who
  -- that was by its own knowledge.
  gateway_id varchar(64),
  CONSTRAINT access_sessions_host_session UNIQUE (host_id, session_id),
  CONSTRAINT access_sessions_end_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
  CONSTRAINT access_sessions_ends_after_it_began CHECK (ended_at >= opened_at),
  CONSTRAINT access_sessions_cut_by_somebody CHECK ((cut_at IS NULL) = (cut_by IS NULL)),
  CONSTRAINT access_sessions_service_type_check
  CHECK (service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom', 'terminal')),
  CONSTRAINT access_sessions_login_method_check
  CHECK (login_method IN ('publickey', 'password', 'other', 'browser')),
  CONSTRAINT access_sessions_by_lease_or_gateway
  CHECK ((lease_id IS NULL) = (gateway_id IS NOT NULL) AND (service_type = 'terminal') = (gateway_id IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS idx_access_sessions_env ON access_sessions (env_id, opened_at, id);
CREATE INDEX IF NOT EXISTS idx_access_sessions_open ON access_sessions (host_id) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_access_sessions_new ON access_sessions (host_id, first_reported_at);
CREATE INDEX IF NOT EXISTS idx_access_sessions_ended ON access_sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_access_sessions_gateway ON access_sessions (gateway_id)
  WHERE ended_at IS NULL AND gateway_id IS NOT NULL;

-- Connections of one address to one port that came to nothing, counted by their host for some minutes. Their ids are of
-- the sequence of access_sessions, so that one list has both.
CREATE TABLE IF NOT EXISTS access_attempts (
  id bigint PRIMARY KEY,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  attempts_id varchar(64) NOT NULL,
  env_id varchar(64) NOT NULL REFERENCES environments ON DELETE CASCADE,
  lease_id varchar(64) NOT NULL,
  service_type varchar(32) NOT NULL CHECK (service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom')),
  -- "others" where more addresses came than a host distinguishes.
  client_address varchar(64) NOT NULL,
  outcome varchar(16) NOT NULL CHECK (outcome IN ('no-login', 'silent', 'too-many', 'too-fast', 'no-way')),
  attempts bigint NOT NULL CHECK (attempts > 0),
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  reported_at timestamptz NOT NULL,
  CONSTRAINT access_attempts_host_attempts UNIQUE (host_id, attempts_id),
  CONSTRAINT access_attempts_end_after_they_began CHECK (last_at >= first_at)
);
CREATE INDEX IF NOT EXISTS idx_access_attempts_env ON access_attempts (env_id, first_at, id);
CREATE INDEX IF NOT EXISTS idx_access_attempts_new ON access_attempts (host_id, reported_at);
CREATE INDEX IF NOT EXISTS idx_access_attempts_last ON access_attempts (last_at);

-- Keys by which administrators enter environments of others, each for some minutes and with a reason. Their ids are of
-- the sequence of ssh_keys: hosts distinguish keys by them.
CREATE TABLE IF NOT EXISTS ssh_tickets (
  id bigint PRIMARY KEY,
  env_id varchar(64) NOT NULL REFERENCES environments ON DELETE CASCADE,
  customer_id bigint NOT NULL REFERENCES customers,
  public_key text NOT NULL,
  fingerprint varchar(64) NOT NULL,
  reason text NOT NULL CHECK (reason <> ''),
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > made_at),
  -- It opens nothing any more, and no host receives it.
  ended_at timestamptz,
  ended_by varchar(160),
  CONSTRAINT ssh_tickets_end_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX IF NOT EXISTS idx_ssh_tickets_env ON ssh_tickets (env_id, id);
CREATE INDEX IF NOT EXISTS idx_ssh_tickets_customer ON ssh_tickets (customer_id);
CREATE INDEX IF NOT EXISTS idx_ssh_tickets_open ON ssh_tickets (expires_at) WHERE ended_at IS NULL;

-- What is known of the idle time of each environment that is to stop by itself, so that a new leader goes on with it.
-- Rewritten about four times a minute: a key and no other index, with room for the next version on its own page.
CREATE TABLE IF NOT EXISTS idle_watches (
  env_id varchar(64) PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
  -- It holds for this run only.
  run_id varchar(64) NOT NULL,
  idle_since timestamptz NOT NULL,
  checked_at timestamptz NOT NULL,
  -- As its host reported it last: what it has used of processors, and when that was reported; null where it cannot measure it.
  cpu_ms bigint CHECK (cpu_ms >= 0),
  cpu_reported_at timestamptz,
  -- In this idle time.
  warned_at timestamptz,
  -- The most that an environment used in its idle time, for people to read in the event of its stop.
  cpu_percent numeric(9,1) NOT NULL DEFAULT 0 CHECK (cpu_percent >= 0),
  gpu_percent int NOT NULL DEFAULT 0 CHECK (gpu_percent >= 0)
) WITH (fillfactor = 50);

-- Gateways that run, or ran a moment ago: each process has a row of its own, which it keeps fresh.
CREATE TABLE IF NOT EXISTS gateways (
  id varchar(64) PRIMARY KEY,
  -- For people: the machine it runs on.
  name varchar(64) NOT NULL CHECK (name <> ''),
  -- Where hosts that it cannot reach dial in; null: nowhere.
  tunnel_host varchar(256),
  tunnel_port int CHECK (tunnel_port BETWEEN 1 AND 65535),
  -- Where its web side is reached, without a slash at its end.
  web_base varchar(512),
  started_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  -- The origin below whose paths services lie; null where this gateway has no web side.
  service_base varchar(512),
  -- Below which domain a gateway has names of their own for inference services: whichever server is requested reports it.
  service_domain varchar(512),
  CONSTRAINT gateways_tunnel_is_whole CHECK ((tunnel_host IS NULL) = (tunnel_port IS NULL))
);

-- How each gateway reaches each host, as it found out itself.
CREATE TABLE IF NOT EXISTS gateway_routes (
  gateway_id varchar(64) NOT NULL REFERENCES gateways ON DELETE CASCADE,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  route varchar(16) NOT NULL CHECK (route IN ('direct', 'reversed', 'none')),
  detail text NOT NULL DEFAULT '',
  since timestamptz NOT NULL,
  PRIMARY KEY (gateway_id, host_id)
);
CREATE INDEX IF NOT EXISTS idx_gateway_routes_host ON gateway_routes (host_id);

-- One-time links into a service or port of an environment, for the browser of whoever made them.
CREATE TABLE IF NOT EXISTS web_links (
  -- Hex SHA-256 of what the link carries.
  token_hash char(64) PRIMARY KEY,
  env_id varchar(64) NOT NULL REFERENCES environments ON DELETE CASCADE,
  -- A service, or a port of the container in decimal digits.
  target varchar(32) NOT NULL CHECK (target ~ '^(jupyter|tensorboard|terminal|[1-9][0-9]{0,4})$'),
  customer_id bigint NOT NULL REFERENCES customers,
  -- With it ends what the link opened.
  key_id bigint NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > made_at),
  used_at timestamptz
);
CREATE INDEX IF NOT EXISTS idx_web_links_env ON web_links (env_id);
CREATE INDEX IF NOT EXISTS idx_web_links_customer ON web_links (customer_id);
CREATE INDEX IF NOT EXISTS idx_web_links_expired ON web_links (expires_at);

-- Links for those without an account, into one service or port, until they end.
CREATE TABLE IF NOT EXISTS web_shares (
  id bigserial PRIMARY KEY,
  env_id varchar(64) NOT NULL REFERENCES environments ON DELETE CASCADE,
  -- A shell is not shared.
  target varchar(32) NOT NULL CHECK (target ~ '^(jupyter|tensorboard|[1-9][0-9]{0,4})$'),
  token_hash char(64) NOT NULL UNIQUE,
  -- Who made it: it opens only what they may open.
  customer_id bigint NOT NULL REFERENCES customers,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > made_at),
  last_used_at timestamptz,
  ended_at timestamptz,
  ended_by varchar(160),
  CONSTRAINT web_shares_end_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX IF NOT EXISTS idx_web_shares_env ON web_shares (env_id, id);
CREATE INDEX IF NOT EXISTS idx_web_shares_customer ON web_shares (customer_id);

-- Passwords that open runs of environments by RDP: generated for one run, presented once, and stored as crypt(3) writes them.
-- Of another run than the one that is there, a row opens nothing.
CREATE TABLE IF NOT EXISTS rdp_passwords (
  env_id varchar(64) PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
  run_id varchar(64) NOT NULL,
  hash varchar(256) NOT NULL CHECK (hash LIKE '$6$%'),
  set_by varchar(160) NOT NULL,
  set_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_environments_web_name ON environments (web_name_of(id));
