/**
 * The agent's memory: one SQLite file in the state folder with the desired set, the runs, their open intervals,
 * the chained usage rows, when the control plane was last heard and what images were pulled. It decides nothing.
 * Each change is on the disk when its call returns. Times come in as arguments.
 */
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { JournalId, RunId } from "@remotegpu/shared/values/ids";
import { GENESIS_HASH, type UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import assert from "node:assert";
import type { JournalErrorKind } from "../core/metrics/journal-errors.ts";
import type { MeterStep } from "../core/metering/metering.ts";
import type { UsageInterval } from "../core/metering/usage-interval.ts";
import { Ballast, BALLAST_BYTES } from "./database/ballast.ts";
import { ConfirmationStore, type Confirmation, type ConfirmOutcome } from "./rows/confirmation-store.ts";
import { ContactStore } from "./contact-store.ts";
import { DesiredStore } from "./desired/desired-store.ts";
import { lockFolder, type FolderLock } from "./database/folder-lock.ts";
import { DamagedJournalError } from "./database/integrity.ts";
import { IntervalStore } from "./interval-store.ts";
import { JournalDatabase } from "./database/journal-database.ts";
import { OrphanStore } from "./orphan-store.ts";
import { PulledImages } from "./pulled-images.ts";
import { RowStore } from "./rows/row-store.ts";
import { RunStore } from "./run-store.ts";

export const JOURNAL_FILE = "journal.sqlite";
/** An idle journal writes down its open time this often. */
const IDLE_WRITE_MS = MS_PER_HOUR;
/** Unsent rows checked at open; those beyond are checked when they are sent. A fraction of a second. */
const CHECKED_AT_OPEN = 5_000;

export interface JournalOptions {
  folder: string;
  newJournalId: () => JournalId;
  ballastBytes?: number;
}

/** `replaced`: the file was no readable database; it was set aside and a new journal begun. */
export type JournalOrigin = "created" | "opened" | "replaced";

/** What had changed by itself and was found at open: seqs of rows, run ids, number of desired entries. */
export interface JournalDamage {
  rows: number[];
  intervals: RunId[];
  runs: RunId[];
  desired: number;
}

/** What the heartbeat tells of the journal. */
export interface JournalHead {
  journalId: JournalId;
  agentEpoch: number;
  headSeq: number;
  headHash: string;
  watermarkSeen: number;
  applied: { term: number; generation: number };
}

/**
 * Opens the journal of a state folder, or begins one; counts one more agent epoch.
 * @throws FolderLockedError when another agent runs on the folder, NewerDatabaseError for a file of a later release
 */
export function openJournal(options: JournalOptions): Journal {
  const lock = lockFolder(options.folder);
  try {
    const path = join(options.folder, JOURNAL_FILE);
    const isNew = !existsSync(path);
    try {
      return new Journal(options, lock, isNew ? "created" : "opened");
    } catch (error) {
      if (isNew || !(error instanceof DamagedJournalError)) throw error;
      setAside(path);
      return new Journal(options, lock, "replaced");
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

export class Journal {
  readonly origin: JournalOrigin;
  readonly contact: ContactStore;
  readonly orphans: OrphanStore;
  readonly desired: DesiredStore;
  readonly runs: RunStore;
  readonly pulledImages: PulledImages;
  readonly rows: RowStore;
  readonly damage: JournalDamage;
  readonly #database: JournalDatabase;
  readonly #intervals: IntervalStore;
  readonly #confirmations: ConfirmationStore;
  readonly #lock: FolderLock;
  #lastRecordMs: number | null = null;

  constructor(options: JournalOptions, lock: FolderLock, origin: JournalOrigin) {
    const ballast = new Ballast(options.folder, options.ballastBytes ?? BALLAST_BYTES);
    this.#lock = lock;
    this.origin = origin;
    this.#database = new JournalDatabase(join(options.folder, JOURNAL_FILE), ballast);
    this.contact = new ContactStore(this.#database);
    this.orphans = new OrphanStore(this.#database);
    this.desired = new DesiredStore(this.#database);
    this.runs = new RunStore(this.#database);
    this.pulledImages = new PulledImages(this.#database);
    this.rows = new RowStore(this.#database);
    this.#intervals = new IntervalStore(this.#database);
    this.#confirmations = new ConfirmationStore(this.#database, this.rows, options.newJournalId);
    try {
      this.#begin(options.newJournalId);
      this.pulledImages.mend();
      this.damage = {
        rows: this.#checkOutbox(),
        intervals: this.#intervals.mend((runId) => this.#lastRowOf(runId)),
        runs: this.runs.mend(),
        desired: this.desired.mend(),
      };
      this.#countDamage();
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** False while the disk is full: nothing new is started that could not be written down. */
  get acceptsStarts(): boolean {
    return !this.#database.isShortOfSpace;
  }

  get isShortOfSpace(): boolean {
    return this.#database.isShortOfSpace;
  }

  /** Failures since it was opened, by their kinds. */
  get errors(): ReadonlyMap<JournalErrorKind, number> {
    return this.#database.errors.all;
  }

  get sizeBytes(): number {
    return this.#database.sizeBytes;
  }

  head(): JournalHead {
    const { journalId, watermark, head } = this.rows.chain();
    const meta = this.#database
      .prepare<[], { agent_epoch: number; term: number; generation: number }>(
        "SELECT agent_epoch, term, generation FROM meta",
      )
      .get();
    assert(meta !== undefined, "the journal has no meta row");
    return {
      journalId,
      agentEpoch: meta.agent_epoch,
      headSeq: head.seq,
      headHash: head.hash,
      watermarkSeen: watermark,
      applied: { term: meta.term, generation: meta.generation },
    };
  }

  intervals(): Map<RunId, UsageInterval> {
    return this.#intervals.all();
  }

  /**
   * Writes one metering tick down, all of it or nothing: chained rows, intervals, ended runs. Also forgets what was
   * confirmed a week ago and looks whether a full disk has room again, so call it on every tick, with no steps too.
   * @throws JournalError when the disk fails; the same runs metered again later lose nothing by it
   */
  record(steps: readonly MeterStep[], nowMs: number): void {
    this.#database.checkSpace();
    this.#lastRecordMs ??= nowMs;
    const elapsedMs = Math.max(0, nowMs - this.#lastRecordMs);
    if (steps.length === 0 && elapsedMs < IDLE_WRITE_MS) return;
    this.#database.write(() => {
      this.rows.append(steps.flatMap((step) => step.rows));
      for (const step of steps) this.#keep(step);
      this.#confirmations.age(elapsedMs);
    });
    this.#lastRecordMs = nowMs;
  }

  /** The usage watermark of a heartbeat's reply, with the journal id that the heartbeat named. */
  confirm(confirmation: Confirmation): ConfirmOutcome {
    return this.#confirmations.confirm(confirmation);
  }

  /** To be called when this agent's version is committed, and never before (database/schema-steps.ts). @throws JournalError */
  raiseMinReader(): void {
    this.#database.raiseMinReader();
  }

  close(): void {
    this.#database.close();
    this.#lock.release();
  }

  #keep({ runId, interval, isEnded }: MeterStep): void {
    if (interval === null) this.#intervals.remove(runId);
    else this.#intervals.put(interval);
    if (isEnded) this.runs.markFinal(runId);
  }

  /** Damaged rows are counted where they are found. */
  #countDamage(): void {
    const { intervals, runs, desired } = this.damage;
    this.#database.errors.add("damaged-entry", intervals.length + runs.length + desired);
    if (this.origin === "replaced") this.#database.errors.add("replaced");
  }

  #begin(newJournalId: () => JournalId): void {
    const journalId = newJournalId();
    this.#database.write(() => {
      this.#database
        .prepare(
          `INSERT INTO meta (singleton, journal_id, journal_id_hash, base_hash, head_hash)
           VALUES (1, :journalId, :idHash, :genesis, :genesis) ON CONFLICT DO NOTHING`,
        )
        .run({ journalId, idHash: sha256(journalId), genesis: GENESIS_HASH });
      this.#database.prepare("UPDATE meta SET agent_epoch = agent_epoch + 1").run();
    });
  }

  /** Among the newest rows, where that of a run which is metered is found. */
  #lastRowOf(runId: RunId): UsageEntry | null {
    const { rows } = this.rows.verified(this.rows.chain().head.seq - CHECKED_AT_OPEN, CHECKED_AT_OPEN);
    const last = rows.findLast(({ entry }) => entry.kind === "usage" && entry.runId === runId)?.entry;
    return last?.kind === "usage" ? last : null;
  }

  #checkOutbox(): number[] {
    return this.rows.verified(this.rows.chain().watermark, CHECKED_AT_OPEN).damaged;
  }
}

/** Keeps a damaged file for people to look at, under a free name beside the new journal. */
function setAside(path: string): void {
  let number = 1;
  while (existsSync(`${path}.damaged-${number}`)) number += 1;
  for (const suffix of ["", "-wal", "-shm"])
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.damaged-${number}${suffix}`);
}
