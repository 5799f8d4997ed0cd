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
  CONSTRAINT gateways_tunnel_is_whole CHECK ((tunnel_host IS NULL) = (tunnel_port IS NULL))
);

-- How each gateway reaches each host, as it found out itself.
CREATE TABLE IF NOT EXISTS gateway_ways (
  gateway_id varchar(64) NOT NULL REFERENCES gateways ON DELETE CASCADE,
  host_id varchar(64) NOT NULL REFERENCES hosts,
  way varchar(16) NOT NULL CHECK (way IN ('direct', 'reversed', 'none')),
  detail text NOT NULL DEFAULT '',
  since timestamptz NOT NULL,
  PRIMARY KEY (gateway_id, host_id)
);
CREATE INDEX IF NOT EXISTS idx_gateway_ways_host ON gateway_ways (host_id);

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
