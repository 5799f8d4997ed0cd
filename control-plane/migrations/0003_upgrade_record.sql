-- What an upgrade of the old tables leaves for people and for the downgrade. Empty in a database that was never old.

-- The report, row by row: what had no source, what differs, what to review, what was changed.
CREATE TABLE IF NOT EXISTS upgrade_findings (
  id bigserial PRIMARY KEY,
  finding varchar(16) NOT NULL CHECK (finding IN ('no source', 'differs', 'review', 'changed')),
  table_name varchar(64) NOT NULL,
  row_id varchar(64) NOT NULL,
  column_name varchar(64) NOT NULL,
  old_value text,
  new_value text,
  note text NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_upgrade_findings_row ON upgrade_findings (table_name, row_id);

-- The old tables' columns, constraints, indexes, triggers and functions as they were found, names and all.
CREATE TABLE IF NOT EXISTS upgrade_definitions (
  id bigserial PRIMARY KEY,
  kind varchar(16) NOT NULL CHECK (kind IN ('column', 'constraint', 'index', 'trigger', 'function')),
  table_name varchar(64) NOT NULL,
  name text NOT NULL,
  definition text NOT NULL
);
