-- Who uses a GPU's memory, as its host reports it: instances with what their processes hold, and what no process explains. Null
-- where that is not known now, as of hosts whose agents do not report it.
ALTER TABLE gpus ADD COLUMN IF NOT EXISTS memory_split jsonb;
