-- What a customer's own program used is charged: the grace that a workload's order chose, apart from the one that its
-- container has, and the free loading of replicas, which is an allowance of whoever pays.

ALTER TABLE placements
  ADD COLUMN IF NOT EXISTS chosen_grace_seconds int,
  DROP CONSTRAINT IF EXISTS placements_chosen_grace_seconds_check,
  ADD CONSTRAINT placements_chosen_grace_seconds_check CHECK (chosen_grace_seconds BETWEEN 1 AND 600);

-- What is there was told one that stands in its order, or the 30 seconds of those that chose none.
UPDATE placements p SET chosen_grace_seconds = (p.live ->> 'stopGraceSeconds')::int
  FROM instances i
 WHERE i.id = p.instance_id AND i.workload_kind <> 'environment' AND p.gone_at IS NULL AND p.chosen_grace_seconds IS NULL
   AND (p.live ->> 'stopGraceSeconds')::int <> 30;

ALTER TABLE runs
  -- A replica whose loading is not over, as far as its host's journal has told: its time may still be free by the payer's
  -- allowance. Null of any other run, and of those whose metering opens when they serve.
  ADD COLUMN IF NOT EXISTS is_loading boolean;
CREATE INDEX IF NOT EXISTS idx_runs_loading ON runs (id) WHERE is_loading;

ALTER TABLE run_waivers
  -- Whose allowance a stretch of free loading is taken from.
  ADD COLUMN IF NOT EXISTS allowance_of bigint REFERENCES customers,
  DROP CONSTRAINT IF EXISTS run_waivers_reason_check,
  ADD CONSTRAINT run_waivers_reason_check
    CHECK (reason IN ('gpu-lost', 'host-died', 'never-ready', 'gang-broken', 'loading')),
  DROP CONSTRAINT IF EXISTS run_waivers_allowance_check,
  ADD CONSTRAINT run_waivers_allowance_check
    CHECK ((reason = 'loading') = (allowance_of IS NOT NULL) AND (allowance_of IS NULL OR to_at IS NOT NULL));
-- One instance of a payer at a time, and the sums of its hours.
CREATE UNIQUE INDEX IF NOT EXISTS idx_run_waivers_allowance ON run_waivers (allowance_of, from_at);
