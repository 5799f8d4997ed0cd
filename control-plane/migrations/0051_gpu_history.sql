-- What cards were read at, five minutes by five minutes: one row of each card and hour, whose arrays have twelve places.

CREATE TABLE IF NOT EXISTS gpu_history (
  gpu_id bigint NOT NULL REFERENCES gpus,
  -- In which it begins; UTC.
  hour timestamptz NOT NULL,
  -- How often the card was read in each; null: nobody heard of it. Several servers add up what each of them heard.
  samples smallint[] NOT NULL,
  -- Three times twelve: the least, the mean and the most of each. Whole percent, MiB, °C and watts; null: not told.
  utilization smallint[] NOT NULL,
  memory_used int[] NOT NULL,
  temperature smallint[] NOT NULL,
  power smallint[] NOT NULL,
  PRIMARY KEY (gpu_id, hour)
);
CREATE INDEX IF NOT EXISTS idx_gpu_history_hour ON gpu_history (hour);
