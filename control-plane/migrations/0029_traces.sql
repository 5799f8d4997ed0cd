-- The trace in which an event or an entry of the audit log was written, as W3C Trace Context names it: 32 hexadecimal digits.
-- Null: of before, or written outside of any.
ALTER TABLE events ADD COLUMN IF NOT EXISTS trace_id varchar(32);
ALTER TABLE audit_log ADD COLUMN IF NOT EXISTS trace_id varchar(32);
