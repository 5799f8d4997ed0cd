-- Who is a member of a storage pool: by an administrator's word alone, and proved by files that two members see.

ALTER TABLE hosts
  -- What a host that joined said of its pool, until an administrator confirms or declines it; it is in its own until then.
  ADD COLUMN IF NOT EXISTS claimed_storage_pool varchar(64),
  -- trusted: its files are read and written. waiting: confirmed, not proved yet. failed: it sees other files than the
  -- pool's proved members. overdue: others answered for longer than it may go without a proof.
  ADD COLUMN IF NOT EXISTS pool_state varchar(16) NOT NULL DEFAULT 'trusted',
  -- Since when an administrator wants it there: of two members that differ, the later one goes.
  ADD COLUMN IF NOT EXISTS pool_member_since timestamptz,
  ADD COLUMN IF NOT EXISTS pool_proved_at timestamptz,
  -- By then the next proof is to have held; null of one that never had another member beside it.
  ADD COLUMN IF NOT EXISTS pool_proof_due_at timestamptz,
  ADD COLUMN IF NOT EXISTS pool_tried_at timestamptz,
  -- A sentence: what came of the last try that proved nothing.
  ADD COLUMN IF NOT EXISTS pool_failure text;

ALTER TABLE join_tokens
  -- In which pool its host will be; null: in its own, whatever it claims.
  ADD COLUMN IF NOT EXISTS storage_pool varchar(64);

-- The pool of another host was joined by its name alone: such a host is in its own again, and what it said is kept.
UPDATE hosts h SET storage_pool = h.id, claimed_storage_pool = coalesce(h.claimed_storage_pool, h.storage_pool)
 WHERE h.storage_pool <> h.id
   AND (h.storage_pool ~ '^host-[0-9a-f]{20}$' OR EXISTS (SELECT FROM hosts o WHERE o.id = h.storage_pool));

-- Members of before are trusted until a proof fails, or until they went without one for two weeks while others did not.
UPDATE hosts SET pool_member_since = least(coalesce(registered_at, created_at), now()),
       pool_proof_due_at = CASE WHEN storage_pool <> id THEN now() + interval '14 days' END
 WHERE pool_member_since IS NULL;

ALTER TABLE hosts
  DROP CONSTRAINT IF EXISTS hosts_pool_state,
  DROP CONSTRAINT IF EXISTS hosts_pool_is_no_other_host,
  ADD CONSTRAINT hosts_pool_state CHECK (pool_state IN ('trusted', 'waiting', 'failed', 'overdue')),
  -- The control plane's ids of hosts look so: a name like one could become one.
  ADD CONSTRAINT hosts_pool_is_no_other_host CHECK (storage_pool = id OR storage_pool !~ '^host-[0-9a-f]{20}$');
ALTER TABLE join_tokens
  DROP CONSTRAINT IF EXISTS join_tokens_pool_is_no_host,
  ADD CONSTRAINT join_tokens_pool_is_no_host CHECK (storage_pool !~ '^host-[0-9a-f]{20}$');
