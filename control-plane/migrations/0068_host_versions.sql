-- What hosts run containers with, as they report it, which CVEs are open there, and which of them administrators accept.

CREATE TABLE IF NOT EXISTS host_versions (
  host_id varchar(64) PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  -- As the host says it (HostVersions of shared/src/host-versions.ts).
  reported jsonb NOT NULL,
  reported_at timestamptz NOT NULL,
  -- What follows from it by an edition of the release's table, and is found anew where the edition is another.
  open_cves text[] NOT NULL DEFAULT '{}',
  table_edition int NOT NULL
);

-- An administrator's word that these CVEs of the host are accepted; of others that are found later it says nothing.
CREATE TABLE IF NOT EXISTS host_cve_waivers (
  host_id varchar(64) PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  reason varchar(500) NOT NULL CHECK (reason <> ''),
  cves text[] NOT NULL CHECK (cardinality(cves) BETWEEN 1 AND 64),
  waived_by bigint,
  waived_at timestamptz NOT NULL,
  -- Null: until it is taken back.
  expires_at timestamptz
);
