-- What hosts say of the health of their cards beyond gpus.health_status: one row for each card whose host tells it.
CREATE TABLE IF NOT EXISTS gpu_health (
  gpu_uuid varchar(128) PRIMARY KEY REFERENCES gpus (uuid) ON DELETE CASCADE,
  -- Sentences, the gravest first.
  reasons text[] NOT NULL DEFAULT '{}',
  -- The host's own cordon. Its moment, on the host's monotonic clock, tells it from a later one.
  host_cordon varchar(16) CHECK (host_cordon IN ('drain', 'fatal')),
  host_cordon_since_ms bigint,
  -- gpus.cordoned was set on the host's word, and goes with it. An administrator's own never does.
  cordoned_by_host boolean NOT NULL DEFAULT false,
  -- The host's cordon that an administrator lifted; the host is told until it says so no more.
  lifted_since_ms bigint,
  ecc_uncorrected bigint,
  ecc_uncorrected_total bigint,
  repair_pending boolean,
  repair_failed boolean,
  throttle_reasons text[],
  -- Processes of no container of the host: pid, name, memoryMib.
  strangers jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(strangers) = 'array'),
  foreign_memory_mib int,
  CONSTRAINT gpu_health_cordon_has_moment CHECK ((host_cordon IS NULL) = (host_cordon_since_ms IS NULL))
);
