-- What a pass of the scheduler reads of the line that waits, of who had GPUs lately, and of what was placed lately.

-- How much GPU time this workspace is due beside the others that wait; set by administrators.
ALTER TABLE workspaces ADD COLUMN IF NOT EXISTS share_weight int NOT NULL DEFAULT 1;
ALTER TABLE workspaces DROP CONSTRAINT IF EXISTS workspaces_share_weight_check;
ALTER TABLE workspaces ADD CONSTRAINT workspaces_share_weight_check CHECK (share_weight BETWEEN 1 AND 1000);

-- When the start that waits, or waited last, was ordered. In events, too, but a pass cannot look for 100,000 of them.
ALTER TABLE environments ADD COLUMN IF NOT EXISTS queued_at timestamptz;
ALTER TABLE training_jobs ADD COLUMN IF NOT EXISTS queued_at timestamptz;

-- What waits already keeps its place. Only rows with an event are ours, and may be changed without breaking a CHECK.
UPDATE environments e SET queued_at = v.at
  FROM (SELECT q.id, max(v.at) AS at FROM environments q
          JOIN events v ON v.workload_kind = 'environment' AND v.workload_id = q.id AND v.kind = 'status' AND v.new = 'queued'
         WHERE q.status = 'queued' AND q.queued_at IS NULL GROUP BY q.id) v
 WHERE e.id = v.id;

-- Cards that were given back within a window of time, and placements that were made within one.
CREATE INDEX IF NOT EXISTS idx_gpu_allocations_released_at ON gpu_allocations (released_at);
CREATE INDEX IF NOT EXISTS idx_placements_created_at ON placements (created_at);

-- Skips that have not passed.
CREATE INDEX IF NOT EXISTS idx_placement_skips_until ON placement_skips (until);
