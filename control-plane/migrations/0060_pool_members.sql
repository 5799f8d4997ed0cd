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

-- A pool by the name of a host cannot be confirmed to another one. Where another one is in such a pool, it has a name of its
-- own from now on, with all that lies in it.
DO $$
DECLARE
  old text;
  fresh text;
BEGIN
  FOR old IN SELECT DISTINCT h.storage_pool FROM hosts h
              WHERE h.storage_pool <> h.id AND h.deleted_at IS NULL AND h.revoked_at IS NULL
                AND (h.storage_pool ~ '^host-[0-9a-f]{20}$' OR EXISTS (SELECT FROM hosts o WHERE o.id = h.storage_pool))
              ORDER BY 1
  LOOP
    fresh := left('pool-' || regexp_replace(old, '^host-', ''), 64);
    WHILE EXISTS (SELECT FROM hosts WHERE fresh IN (id, storage_pool, claimed_storage_pool))
       OR EXISTS (SELECT FROM environments WHERE storage_pool = fresh)
       OR EXISTS (SELECT FROM data_copies WHERE storage_pool = fresh)
       OR EXISTS (SELECT FROM storage_hours WHERE storage_pool = fresh)
    LOOP
      fresh := 'pool-' || left(md5(fresh), 20);
    END LOOP;
    UPDATE hosts SET storage_pool = fresh WHERE id = old AND coalesce(storage_pool, id) = old;
    -- An administrator confirms it as any other claim.
    UPDATE hosts SET storage_pool = id, claimed_storage_pool = fresh WHERE storage_pool = old AND id <> old;
    UPDATE environments SET storage_pool = fresh WHERE storage_pool = old;
    UPDATE data_copies SET storage_pool = fresh WHERE storage_pool = old;
    UPDATE data_pools SET storage_pool = fresh WHERE storage_pool = old;
    UPDATE data_removals SET storage_pool = fresh WHERE storage_pool = old;
    UPDATE storage_pools SET name = fresh WHERE name = old;
    -- A day's samples of one pool have one mean.
    INSERT INTO storage_hours (storage_pool, hour, host_id, claimed_at, finished_at)
      SELECT fresh, hour, host_id, claimed_at, finished_at FROM storage_hours WHERE storage_pool = old;
    UPDATE storage_samples SET storage_pool = fresh WHERE storage_pool = old;
    DELETE FROM storage_hours WHERE storage_pool = old;
  END LOOP;
END $$;

-- So are those that are gone in their own again; what they said is kept.
UPDATE hosts h SET storage_pool = h.id, claimed_storage_pool = coalesce(h.claimed_storage_pool, h.storage_pool)
 WHERE h.storage_pool <> h.id
   AND (h.storage_pool ~ '^host-[0-9a-f]{20}$' OR EXISTS (SELECT FROM hosts o WHERE o.id = h.storage_pool));

-- A host of the old system, which has no agent, is no member, and its row may hold what no change of it could keep.
-- Members of before are trusted until a proof fails, or until they went without one for two weeks while others did not.
UPDATE hosts SET pool_member_since = least(coalesce(registered_at, created_at), now()),
       pool_proof_due_at = CASE WHEN storage_pool <> id THEN now() + interval '14 days' END
 WHERE pool_member_since IS NULL AND agent_version IS NOT NULL;

ALTER TABLE hosts
  DROP CONSTRAINT IF EXISTS hosts_pool_state,
  DROP CONSTRAINT IF EXISTS hosts_pool_is_no_other_host,
  ADD CONSTRAINT hosts_pool_state CHECK (pool_state IN ('trusted', 'waiting', 'failed', 'overdue')),
  -- The control plane's ids of hosts look so: a name like one could become one.
  ADD CONSTRAINT hosts_pool_is_no_other_host CHECK (storage_pool = id OR storage_pool !~ '^host-[0-9a-f]{20}$');
ALTER TABLE join_tokens
  DROP CONSTRAINT IF EXISTS join_tokens_pool_is_no_host,
  ADD CONSTRAINT join_tokens_pool_is_no_host CHECK (storage_pool !~ '^host-[0-9a-f]{20}$');
