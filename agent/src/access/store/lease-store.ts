/**
 * access.sqlite: the leases of this host, the observed clock, the numbers of the last list that was followed, from where
 * passwords may be tried, and beside them the sessions of who is connected (session-store.ts). Written by the access
 * process alone, each change on the disk when its call returns. A row whose bytes changed by themselves counts as
 * absent; a file that is no database any more is set aside.
 */
import { closeSync, existsSync, openSync, renameSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { LeaseId, WorkloadId } from "@remotegpu/shared/values/ids";
import { LEASE_SERVICES } from "@remotegpu/shared/instance/lease";
import { ReportedReason } from "@remotegpu/shared/reasons/host-reports/reported-reason";
import { z } from "zod";
import type { PasswordTries } from "../../core/access/password-limiter.ts";
import type { LeaseRecord } from "../../core/leases/lease.ts";
import type { ListNumbers } from "../../core/leases/lease-list.ts";
import { makeDurable } from "../../journal/database/durable.ts";
import { isDamage } from "../../journal/database/integrity.ts";
import {
  assertReadable,
  migrate,
  raiseMinReader,
  type FileSchema,
} from "../../journal/database/schema-steps.ts";
import { ACCESS_LOCK_FILE, isLocked } from "../../journal/database/folder-lock.ts";
import { readUntouched } from "../../journal/database/untouched.ts";
import { seal, unseal, type StoredSeal } from "../../journal/database/sealed.ts";
import { SessionStore } from "./session-store.ts";
import { ReachableInstance } from "../control/control-messages.ts";
import { LeaseStoreError } from "./lease-store-error.ts";
import { StoredTries } from "../relay/relay-messages.ts";

export const ACCESS_FILE = "access.sqlite";

const STEPS = [
  `
  CREATE TABLE meta (
    singleton      INTEGER PRIMARY KEY CHECK (singleton = 1),
    clock_ms       INTEGER NOT NULL DEFAULT 0,  -- time an access process ran, summed over all of them
    term           INTEGER NOT NULL DEFAULT 0,
    generation     INTEGER NOT NULL DEFAULT 0,
    ended_for      TEXT,                        -- not read any more
    reachable      TEXT    NOT NULL DEFAULT '', -- the containers of the last list, for a start without the agent
    reachable_hash TEXT    NOT NULL DEFAULT ''
  ) STRICT;

  INSERT INTO meta (singleton) VALUES (1);

  CREATE TABLE leases (
    lease_id       TEXT    PRIMARY KEY,
    external_port  INTEGER,
    is_released    INTEGER NOT NULL,
    entry          TEXT    NOT NULL,            -- canonical JSON beside its SHA-256
    entry_hash     TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- No number is given twice, whatever the code above believes.
  CREATE UNIQUE INDEX one_owner_per_port ON leases (external_port) WHERE is_released = 0;
  `,
  `
  -- Who is and was within leased ports, and what came to nothing, until the control plane has it.
  CREATE TABLE access_book (
    entry_id       TEXT    PRIMARY KEY,
    is_session     INTEGER NOT NULL,            -- 0: attempts
    entry          TEXT    NOT NULL,
    entry_hash     TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- From where passwords of a lease of SSH may be tried, and who has logged in lately.
  CREATE TABLE password_tries (
    lease_id       TEXT    PRIMARY KEY,
    entry          TEXT    NOT NULL,
    entry_hash     TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The lowest schema whose access processes understand all that is in here.
  ALTER TABLE meta ADD COLUMN min_reader INTEGER NOT NULL DEFAULT 3;
  `,
];

export const ACCESS_SCHEMA: FileSchema = {
  name: "the file of leases",
  steps: STEPS,
  countsSteps: false,
  minReader: 3,
};

const StoredLease: z.ZodType<LeaseRecord> = z.object({
  leaseId: LeaseId,
  workloadId: WorkloadId,
  service: z.enum(LEASE_SERVICES),
  internalPort: z.int(),
  autoReleaseHours: z.int().positive(),
  state: z.enum(["waiting", "held", "conflict", "exhausted", "released"]),
  externalPort: z.int().nullable(),
  wasHeld: z.boolean(),
  detail: z.string(),
  reason: ReportedReason,
  idleSinceMs: z.int(),
  conflictSinceMs: z.int().nullable(),
  lastAccessedWallMs: z.int().nullable(),
  bytesIn: z.int().nonnegative(),
  bytesOut: z.int().nonnegative(),
  releasedBecause: z.enum(["ordered", "idle"]).nullable(),
  releasedMs: z.int().nullable(),
});

const StoredReachable = z.object({ bootId: z.string(), instances: z.array(ReachableInstance) });

type Meta = { clock_ms: number; term: number; generation: number };
type Change = {
  saved?: readonly LeaseRecord[];
  forgotten?: readonly LeaseRecord[];
  numbers?: ListNumbers;
};

/** @throws NewerDatabaseError for a file of a later release, and whatever SQLite says of a disk that fails */
export function openLeaseStore(folder: string): { store: LeaseStore; isReplaced: boolean } {
  const path = join(folder, ACCESS_FILE);
  try {
    return { store: new LeaseStore(path), isReplaced: false };
  } catch (error) {
    if (!isDamage(error)) throw error;
    setAside(path);
    return { store: new LeaseStore(path), isReplaced: true };
  }
}

/**
 * As they stand, for a reader beside the access process: nothing is mended and nothing written.
 * @throws NewerDatabaseError
 */
export function readLeases(folder: string): { leases: LeaseRecord[]; damaged: string[] } {
  return readUntouched(
    join(folder, ACCESS_FILE),
    () => isLocked(folder, ACCESS_LOCK_FILE),
    (sqlite) => {
      assertReadable(sqlite, ACCESS_SCHEMA);
      return leasesIn(sqlite);
    },
  );
}

function leasesIn(sqlite: Database.Database): { leases: LeaseRecord[]; damaged: string[] } {
  const leases: LeaseRecord[] = [];
  const damaged: string[] = [];
  const rows = sqlite
    .prepare<[], StoredSeal & { lease_id: string }>("SELECT lease_id, entry, entry_hash FROM leases")
    .all();
  for (const row of rows) {
    const lease = unseal(row, StoredLease);
    if (lease === null) damaged.push(row.lease_id);
    else leases.push(lease);
  }
  return { leases, damaged };
}

export class LeaseStore {
  readonly book: SessionStore;
  readonly #sqlite: Database.Database;

  constructor(path: string) {
    closeSync(openSync(path, "a", 0o600));
    this.#sqlite = new Database(path);
    this.book = new SessionStore(this.#sqlite, (work) => this.#transact(work));
    try {
      makeDurable(this.#sqlite);
      migrate(this.#sqlite, ACCESS_SCHEMA);
      const complaint = this.#sqlite.pragma("quick_check(1)", { simple: true });
      if (complaint !== "ok") throw new Database.SqliteError(String(complaint), "SQLITE_CORRUPT");
      this.#meta();
    } catch (error) {
      this.#sqlite.close();
      throw error;
    }
  }

  get clockMs(): number {
    return this.#meta().clock_ms;
  }

  get numbers(): ListNumbers {
    const { term, generation } = this.#meta();
    return { term, generation };
  }

  /** Every lease that is not forgotten; `damaged` ones cannot be read and are dropped. */
  leases(): { leases: LeaseRecord[]; damaged: string[] } {
    const { leases, damaged } = leasesIn(this.#sqlite);
    const drop = this.#sqlite.prepare("DELETE FROM leases WHERE lease_id = ?");
    this.#transact(() => damaged.forEach((leaseId) => drop.run(leaseId)));
    return { leases, damaged };
  }

  /** All of it or nothing, with the observed clock's time. @throws LeaseStoreError */
  write(clockMs: number, { saved = [], forgotten = [], numbers }: Change): void {
    const put = this.#sqlite.prepare(
      `INSERT INTO leases (lease_id, external_port, is_released, entry, entry_hash)
       VALUES (:leaseId, :externalPort, :isReleased, :entry, :entry_hash)
       ON CONFLICT (lease_id) DO UPDATE SET external_port = :externalPort, is_released = :isReleased,
                                            entry = :entry, entry_hash = :entry_hash`,
    );
    this.#transact(() => {
      this.#sqlite.prepare("UPDATE meta SET clock_ms = max(clock_ms, ?)").run(Math.floor(clockMs));
      if (numbers !== undefined)
        this.#sqlite.prepare("UPDATE meta SET term = :term, generation = :generation").run(numbers);
      for (const { leaseId } of forgotten)
        for (const table of ["leases", "password_tries"])
          this.#sqlite.prepare(`DELETE FROM ${table} WHERE lease_id = ?`).run(leaseId);
      for (const lease of saved) {
        const { leaseId, externalPort, state } = lease;
        put.run({ leaseId, externalPort, isReleased: Number(state === "released"), ...seal(lease) });
      }
    });
  }

  /** Those that can be read. */
  passwordTries(): Map<LeaseId, PasswordTries> {
    const rows = this.#sqlite
      .prepare<[], StoredSeal & { lease_id: string }>(
        "SELECT lease_id, entry, entry_hash FROM password_tries",
      )
      .all();
    return new Map(
      rows.flatMap((row): [LeaseId, PasswordTries][] => {
        const tries = unseal(row, StoredTries);
        return tries === null ? [] : [[LeaseId.parse(row.lease_id), tries]];
      }),
    );
  }

  /** Those of leases that are no more, whatever left them. @throws LeaseStoreError */
  dropOrphanedTries(): void {
    this.#transact(() =>
      this.#sqlite
        .prepare("DELETE FROM password_tries WHERE lease_id NOT IN (SELECT lease_id FROM leases)")
        .run(),
    );
  }

  /** @throws LeaseStoreError */
  keepPasswordTries(changed: ReadonlyMap<LeaseId, PasswordTries>): void {
    const put = this.#sqlite.prepare(
      `INSERT INTO password_tries (lease_id, entry, entry_hash) VALUES (:leaseId, :entry, :entry_hash)
       ON CONFLICT (lease_id) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
    );
    this.#transact(() => {
      for (const [leaseId, tries] of changed) put.run({ leaseId, ...seal(tries) });
    });
  }

  /** As last kept in this boot. */
  reachable(bootId: string): ReachableInstance[] {
    const row = this.#sqlite
      .prepare<[], StoredSeal>("SELECT reachable AS entry, reachable_hash AS entry_hash FROM meta")
      .get();
    const stored = row === undefined ? null : unseal(row, StoredReachable);
    return stored?.bootId === bootId ? stored.instances : [];
  }

  /** @throws LeaseStoreError */
  keepReachable(bootId: string, instances: readonly ReachableInstance[]): void {
    const sealed = seal({ bootId, instances });
    this.#transact(() =>
      this.#sqlite
        .prepare(
          `UPDATE meta SET reachable = :entry, reachable_hash = :entry_hash WHERE reachable_hash <> :entry_hash`,
        )
        .run(sealed),
    );
  }

  /** To be called when this process's version is committed, and never before (schema-steps.ts). @throws LeaseStoreError */
  raiseMinReader(): void {
    this.#transact(() => raiseMinReader(this.#sqlite, ACCESS_SCHEMA));
  }

  close(): void {
    this.#sqlite.close();
  }

  #meta(): Meta {
    const meta = this.#sqlite.prepare<[], Meta>("SELECT clock_ms, term, generation FROM meta").get();
    if (meta === undefined) throw new Database.SqliteError("there is no meta row", "SQLITE_CORRUPT");
    return meta;
  }

  #transact(work: () => unknown): void {
    try {
      this.#sqlite.transaction(work).immediate();
    } catch (cause) {
      // A number given twice is our own bug, not the disk's.
      if (!(cause instanceof Database.SqliteError) || cause.code.startsWith("SQLITE_CONSTRAINT")) throw cause;
      throw new LeaseStoreError(`the leases cannot be written: ${cause.message} (${cause.code})`, { cause });
    }
  }
}

/** Keeps a damaged file for people to look at, under a free name beside the new one. */
function setAside(path: string): void {
  let number = 1;
  while (existsSync(`${path}.damaged-${number}`)) number += 1;
  for (const suffix of ["", "-wal", "-shm"])
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.damaged-${number}${suffix}`);
}
