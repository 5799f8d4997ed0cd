-- When and from where a browser last used its session, and which browser it said it was: by these its owner tells them apart.

ALTER TABLE browser_sessions
  ADD COLUMN IF NOT EXISTS last_used_at timestamptz,
  -- Not there where a server opened it that did not ask for them.
  ADD COLUMN IF NOT EXISTS last_address varchar(64),
  ADD COLUMN IF NOT EXISTS user_agent varchar(200);
