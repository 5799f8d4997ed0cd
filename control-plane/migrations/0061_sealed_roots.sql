-- What a sealed version is by one number: the root of the Merkle tree of the parts of its files (shared, sealed-chunks.ts).
-- While it is being brought it is the word of whoever brings it, where they give one. NULL once it is ready: it was sealed
-- before there were trees, or by an agent that makes none, and what is read of it is not checked.

ALTER TABLE data_copies
  ADD COLUMN IF NOT EXISTS merkle_root char(64)
    CONSTRAINT data_copies_merkle_root_check CHECK (merkle_root ~ '^[0-9a-f]{64}$'),
  -- Whether whoever brought it gave that root. Else the sums of parts in it are those that its host found, and a part of a
  -- long file that is read of it is not checked by any word of its owner.
  ADD COLUMN IF NOT EXISTS root_is_owners boolean NOT NULL DEFAULT false;
