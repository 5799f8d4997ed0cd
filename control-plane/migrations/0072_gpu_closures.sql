-- GPUs that their hosts closed under runs within a day: many under the runs of one payer may be what a program does to them.
-- Older rows are removed with the next closure.
CREATE TABLE IF NOT EXISTS gpu_closures (
  run_id varchar(64) NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  gpu_uuid varchar(128) NOT NULL,
  -- The run's payer, workload and host.
  customer_id bigint NOT NULL,
  workload_id varchar(64) NOT NULL,
  host_id varchar(64) NOT NULL,
  -- The stable name of the reason; null where the host reported none.
  code varchar(48),
  closed_at timestamptz NOT NULL,
  PRIMARY KEY (run_id, gpu_uuid)
);
CREATE INDEX IF NOT EXISTS idx_gpu_closures_customer ON gpu_closures (customer_id, closed_at);
CREATE INDEX IF NOT EXISTS idx_gpu_closures_workload ON gpu_closures (workload_id, closed_at);

-- Runs of a workload that have, or may have since their last charge, time that is metered and not charged: a list of
-- workloads says by which rules, and reads none of the others.
CREATE INDEX IF NOT EXISTS idx_runs_waived_of_workload ON runs (resource_id) WHERE waived_ms > 0 OR uncharged;
