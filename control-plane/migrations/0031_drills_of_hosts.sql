-- Certificates of drills, as hosts sign and report them: the last few of each host. One that did not pass is kept, too, and
-- counts as the newest.
CREATE TABLE IF NOT EXISTS host_drills (
  id bigserial PRIMARY KEY,
  host_id varchar(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  -- By the host's clock, but never later than it was heard.
  ended_at timestamptz NOT NULL,
  heard_at timestamptz NOT NULL,
  passed boolean NOT NULL,
  -- The very text that is signed, and the signature by the host's key in base64.
  document text NOT NULL,
  signature varchar(128) NOT NULL,
  UNIQUE (host_id, signature)
);
