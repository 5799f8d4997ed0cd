/** The journal's tables. What a step may do, and who may read what, is said in schema-steps.ts. */
import type { FileSchema } from "./schema-steps.ts";

const STEPS = [
  `
  CREATE TABLE meta (
    singleton        INTEGER PRIMARY KEY CHECK (singleton = 1),
    journal_id       TEXT    NOT NULL,
    journal_id_hash  TEXT    NOT NULL,            -- every row's hash covers the id, so a changed id would spoil all
    agent_epoch      INTEGER NOT NULL DEFAULT 0,
    term             INTEGER NOT NULL DEFAULT 0,
    generation       INTEGER NOT NULL DEFAULT 0,
    db_incarnation   INTEGER NOT NULL DEFAULT 0,
    confirmed_stops  INTEGER,                     -- as pulled with the desired set
    stops_guarded    INTEGER NOT NULL DEFAULT 0,  -- 1 from a rise of term or incarnation until the guard is lifted
    watermark        INTEGER NOT NULL DEFAULT 0,
    base_seq         INTEGER NOT NULL DEFAULT 0,  -- the last row deleted after its week; the chain goes on from its hash
    base_hash        TEXT    NOT NULL,
    head_seq         INTEGER NOT NULL DEFAULT 0,
    head_hash        TEXT    NOT NULL,
    clock_ms         INTEGER NOT NULL DEFAULT 0   -- time this journal was open, summed over all agents
  ) STRICT;

  -- Each entry is canonical JSON beside its SHA-256.
  CREATE TABLE desired (
    instance_id      TEXT    NOT NULL,
    placement_epoch  INTEGER NOT NULL,
    want             TEXT    NOT NULL,
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL,
    absent           INTEGER NOT NULL DEFAULT 0,  -- 1: the last set lacked it; kept all the same
    gone             INTEGER NOT NULL DEFAULT 0,  -- 1: removal was ordered and the container is gone
    PRIMARY KEY (instance_id, placement_epoch)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE runs (
    run_id           TEXT    PRIMARY KEY,
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL,
    final_written    INTEGER NOT NULL DEFAULT 0   -- 1: its final usage row is in the chain
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE known_epochs (
    instance_id      TEXT    PRIMARY KEY,
    epoch            INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Not tied to runs: a damaged run record must not take its proven time with it.
  CREATE TABLE intervals (
    run_id           TEXT    PRIMARY KEY,
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE rows (
    seq              INTEGER PRIMARY KEY,
    entry            TEXT    NOT NULL,
    hash             TEXT    NOT NULL
  ) STRICT;

  -- Filled and emptied at each open: the log file and the free pages that it leaves serve when the disk is full.
  CREATE TABLE reserve (filler BLOB NOT NULL) STRICT;

  CREATE TABLE confirmations (
    matures_ms       INTEGER PRIMARY KEY,         -- on meta.clock_ms: from then on the rows may be forgotten
    watermark        INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- When the control plane was last heard: canonical JSON beside its SHA-256.
  CREATE TABLE contact (
    singleton        INTEGER PRIMARY KEY CHECK (singleton = 1),
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL
  ) STRICT;
  `,
  `
  -- Containers that nobody asks for, with the time that counts towards their removal: one JSON list beside its SHA-256.
  CREATE TABLE orphans (
    singleton        INTEGER PRIMARY KEY CHECK (singleton = 1),
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL
  ) STRICT;

  -- The ports that were ordered, with the desired set. What of them is held is in the access process's own file.
  CREATE TABLE desired_leases (
    lease_id         TEXT    PRIMARY KEY,
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL,
    absent           INTEGER NOT NULL DEFAULT 0   -- 1: the last set lacked it; kept all the same
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The images that waiting orders need, with the desired set.
  CREATE TABLE desired_fetches (
    fetch_id         TEXT    PRIMARY KEY,
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- What this agent pulled, with the name of the credential that it was pulled with, never the credential itself.
  CREATE TABLE pulled_images (
    key              TEXT    PRIMARY KEY,         -- image id, name and credential as JSON
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- 0 in the journal of an agent that wrote down nothing of what it pulled, until that is made good.
  ALTER TABLE meta ADD COLUMN knows_images INTEGER NOT NULL DEFAULT 1;
  UPDATE meta SET knows_images = 0;
  `,
  `
  -- Whose keys open instances by SSH, with the desired set.
  CREATE TABLE desired_key_sets (
    key_set_id       TEXT    PRIMARY KEY,
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Sessions that are to be cut off, with the desired set.
  CREATE TABLE desired_cuts (
    session_id       TEXT    PRIMARY KEY,
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Gateways that cannot reach this host, with the desired set.
  CREATE TABLE desired_gateways (
    address          TEXT    PRIMARY KEY,
    entry            TEXT    NOT NULL,
    entry_hash       TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The lowest schema whose agents understand all that is in here.
  ALTER TABLE meta ADD COLUMN min_reader INTEGER NOT NULL DEFAULT 7;
  `,
];

export const JOURNAL_SCHEMA: FileSchema = {
  name: "the journal",
  steps: STEPS,
  countsSteps: true,
  minReader: 7,
};
