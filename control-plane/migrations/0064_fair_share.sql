-- Whose turn it is among those who pay: their weights, what each held of the fleet hour by hour, whose place is kept from
-- one pass of the scheduler to the next, and what administrators put before all others.

-- How much of the fleet this customer is due beside the others that wait; set by administrators.
ALTER TABLE customers
  ADD COLUMN IF NOT EXISTS share_weight int NOT NULL DEFAULT 1,
  DROP CONSTRAINT IF EXISTS customers_share_weight_check,
  ADD CONSTRAINT customers_share_weight_check CHECK (share_weight BETWEEN 1 AND 1000);

-- What somebody's placements held in an hour that is over: amounts (thousandths of a core, MiB, thousandths of a GPU) times
-- seconds. Follows from placements and runs, and is counted anew from them at any time. Without foreign keys, as runs name
-- whoever they named at their start.
CREATE TABLE IF NOT EXISTS held_hours (
  hour timestamptz NOT NULL,
  customer_id bigint NOT NULL,
  -- 0 outside of every workspace.
  workspace_id bigint NOT NULL DEFAULT 0,
  cpu_seconds bigint NOT NULL,
  memory_seconds bigint NOT NULL,
  gpu_seconds bigint NOT NULL,
  -- The last placement that began in it.
  last_start_at timestamptz,
  PRIMARY KEY (hour, customer_id, workspace_id)
);

CREATE TABLE IF NOT EXISTS queue_state (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  -- The hours before it are counted.
  counted_through timestamptz,
  head_kind varchar(16),
  head_id varchar(64),
  head_first_rank integer,
  -- When the start was ordered whose place is kept, in milliseconds since 1970.
  head_ordered_at_ms bigint
);

-- What an administrator put before all others that wait, until that is taken back.
CREATE TABLE IF NOT EXISTS urgent_workloads (
  workload_kind varchar(16) NOT NULL CHECK (workload_kind IN ('environment', 'training', 'inference')),
  workload_id varchar(64) NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workload_kind, workload_id)
);

-- What was given back lately, for the hour that has just ended.
CREATE INDEX IF NOT EXISTS idx_placements_resources_released ON placements (resources_released_at)
  WHERE resources_released_at IS NOT NULL;
