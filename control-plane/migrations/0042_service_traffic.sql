-- What was asked of inference services and how it was answered, minute by minute, as each gateway counted it.

CREATE TABLE IF NOT EXISTS service_traffic (
  service_id varchar(64) NOT NULL REFERENCES inference_services,
  -- In which these answers were over; of what is older than minutes are kept, the epoch.
  minute timestamptz NOT NULL,
  -- One life of a gateway's process. It writes its row over and over with all that it counted, so nothing counts twice.
  gateway varchar(64) NOT NULL,
  -- Of the replica that was given the request; 0: the gateway answered by itself.
  revision int NOT NULL CHECK (revision >= 0),
  -- As a replica is told it; empty: no key was shown, or none that opens it.
  key_name varchar(128) NOT NULL,
  requests bigint NOT NULL CHECK (requests >= 0),
  -- Whoever asked was gone before there was an answer.
  unanswered bigint NOT NULL CHECK (unanswered >= 0),
  status_1xx bigint NOT NULL CHECK (status_1xx >= 0),
  status_2xx bigint NOT NULL CHECK (status_2xx >= 0),
  status_3xx bigint NOT NULL CHECK (status_3xx >= 0),
  status_4xx bigint NOT NULL CHECK (status_4xx >= 0),
  status_5xx bigint NOT NULL CHECK (status_5xx >= 0),
  -- Answers that had begun and did not come to their end, whoever broke off.
  cut_off bigint NOT NULL CHECK (cut_off >= 0),
  -- Sent to whoever asked, heads and all.
  bytes bigint NOT NULL CHECK (bytes >= 0),
  -- Histograms: how many were within each bound and the last beyond all, each counted once, and the sum of milliseconds.
  took_buckets bigint[] NOT NULL,
  took_ms numeric NOT NULL CHECK (took_ms >= 0),
  first_byte_buckets bigint[] NOT NULL,
  first_byte_ms numeric NOT NULL CHECK (first_byte_ms >= 0),
  queued_buckets bigint[] NOT NULL,
  queued_ms numeric NOT NULL CHECK (queued_ms >= 0),
  -- Answers that told what they used, those of a kind that tells it and did not, and how long the former took.
  token_answers bigint NOT NULL CHECK (token_answers >= 0),
  token_silent bigint NOT NULL CHECK (token_silent >= 0),
  token_ms numeric NOT NULL CHECK (token_ms >= 0),
  prompt_tokens bigint NOT NULL CHECK (prompt_tokens >= 0),
  completion_tokens bigint NOT NULL CHECK (completion_tokens >= 0),
  PRIMARY KEY (service_id, minute, gateway, revision, key_name)
);
CREATE INDEX IF NOT EXISTS idx_service_traffic_minute ON service_traffic (minute);

-- Of each key: what it may ask for, all gateways together. Null: as much as comes.
ALTER TABLE service_keys
  ADD COLUMN IF NOT EXISTS requests_per_minute int,
  ADD COLUMN IF NOT EXISTS max_in_flight int,
  -- Prompt and completion together, by the UTC day.
  ADD COLUMN IF NOT EXISTS tokens_per_day bigint,
  DROP CONSTRAINT IF EXISTS service_keys_limits_check,
  ADD CONSTRAINT service_keys_limits_check
    CHECK (requests_per_minute > 0 AND max_in_flight > 0 AND tokens_per_day > 0);
