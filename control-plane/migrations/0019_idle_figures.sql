-- The most that an environment used in its idle time, for people to read in the event of its stop.
ALTER TABLE idle_watches ADD COLUMN IF NOT EXISTS cpu_percent numeric(9,1) NOT NULL DEFAULT 0 CHECK (cpu_percent >= 0);
ALTER TABLE idle_watches ADD COLUMN IF NOT EXISTS gpu_percent int NOT NULL DEFAULT 0 CHECK (gpu_percent >= 0);
