-- What the kernel logs of hosts said of GPUs beside what closes them: errors of programs, run by run, and what operators
-- look at.

-- Errors that programs of a run made on GPUs, as its host told them. Each is a record of the host's kernel log, which the
-- boot and its number name.
CREATE TABLE IF NOT EXISTS run_gpu_faults (
  run_id varchar(64) NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  boot_id uuid NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 0),
  told_at timestamptz NOT NULL,
  code varchar(48) NOT NULL,
  -- A sentence.
  reason text NOT NULL,
  PRIMARY KEY (run_id, boot_id, seq)
);

-- What closes no GPU, of a host's present boot: told once, and again when it has become ten times as often.
CREATE TABLE IF NOT EXISTS host_kernel_notes (
  host_id varchar(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  -- Its PCI address; empty for what is of no single device.
  device varchar(32) NOT NULL,
  code varchar(48) NOT NULL,
  boot_id uuid NOT NULL,
  count int NOT NULL CHECK (count > 0),
  told_at timestamptz NOT NULL,
  PRIMARY KEY (host_id, device, code)
);
