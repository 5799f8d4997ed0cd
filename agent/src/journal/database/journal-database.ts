/**
 * The one SQLite connection of the journal: how durable it is, and what happens when the disk is full. Every change
 * goes through `write`, one transaction that is on the disk when it returns.
 */
import { closeSync, openSync, statSync } from "node:fs";
import Database from "better-sqlite3";
import { Counts } from "../../core/metrics/counts.ts";
import {
  JOURNAL_ERROR_KINDS,
  journalErrorKind,
  type JournalErrorKind,
} from "../../core/metrics/journal-errors.ts";
import { Ballast } from "./ballast.ts";
import { CHECKPOINT_PAGES, makeDurable } from "./durable.ts";
import { assertIntact, DamagedJournalError, isDamage } from "./integrity.ts";
import { JOURNAL_SCHEMA } from "./schema.ts";
import { migrate, raiseMinReader } from "./schema-steps.ts";

const PAGE_BYTES = 4_096;
const RESERVED_BYTES = 2 * CHECKPOINT_PAGES * PAGE_BYTES;

/** The disk or the file failed; nothing of the transaction is in the journal. */
export class JournalError extends Error {
  override name = "JournalError";
}

/** What the journal's stores are made from. */
export type Statements = Pick<JournalDatabase, "prepare" | "write">;

export class JournalDatabase {
  /** Failures since it was opened. */
  readonly errors = new Counts<JournalErrorKind>(JOURNAL_ERROR_KINDS);
  readonly #path: string;
  readonly #sqlite: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();
  readonly #ballast: Ballast;
  #isShortOfSpace: boolean;

  /** @throws DamagedJournalError for a file that is no database or a damaged one, NewerDatabaseError for one of a later release */
  constructor(path: string, ballast: Ballast) {
    // Customers' variables are in it: nobody but us may read it, nor the log file, which takes the same mode.
    closeSync(openSync(path, "a", 0o600));
    this.#path = path;
    this.#sqlite = new Database(path);
    try {
      makeDurable(this.#sqlite);
      migrate(this.#sqlite, JOURNAL_SCHEMA);
      assertIntact(this.#sqlite);
    } catch (error) {
      this.#sqlite.close();
      if (!isDamage(error)) throw error;
      throw new DamagedJournalError("the journal's file is damaged", { cause: error });
    }
    this.#ballast = ballast;
    this.#isShortOfSpace = !ballast.lay();
    if (!this.#isShortOfSpace) this.#reserveLog();
  }

  /** True from the moment the disk was found (nearly) full until there is room for the ballast again. */
  get isShortOfSpace(): boolean {
    return this.#isShortOfSpace;
  }

  /** Of the file and the log beside it. */
  get sizeBytes(): number {
    const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    return sizeOf(this.#path) + sizeOf(`${this.#path}-wal`);
  }

  /**
   * Runs `work` as one transaction. On a full disk the ballast is freed and `work` runs once more, so it must not
   * change anything outside the database. Inside another `write` it is part of that transaction.
   * @throws JournalError when the disk fails, or is full even so; DamagedJournalError when the file is damaged
   */
  write<T>(work: () => T): T {
    if (this.#sqlite.inTransaction) return work();
    try {
      return this.#transact(work);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#isShortOfSpace = true;
      this.#ballast.free();
      return this.#transact(work);
    }
  }

  /** The statement of this text, compiled once and shared: the loop asks the same few things in every round. */
  prepare<Parameters extends unknown[] | object = unknown[], Row = unknown>(
    text: string,
  ): Database.Statement<Parameters, Row> {
    const known = this.#statements.get(text) ?? this.#sqlite.prepare(text);
    this.#statements.set(text, known);
    return known as Database.Statement<Parameters, Row>;
  }

  /** Looks how full the disk is; begins or ends a shortage. Cheap enough for every tick. */
  checkSpace(): void {
    this.#isShortOfSpace = this.#isShortOfSpace ? !this.#ballast.lay() : this.#ballast.isRoomShort();
  }

  /** This release is there to stay: agents that do not understand what it writes refuse the file from now on. */
  raiseMinReader(): void {
    this.write(() => raiseMinReader(this.#sqlite, JOURNAL_SCHEMA));
  }

  close(): void {
    this.#sqlite.close();
  }

  /**
   * Lets the log file grow once to the size at which it is written again from its beginning. From then on intervals
   * are extended without any new room, even when somebody else takes what the ballast gave.
   */
  #reserveLog(): void {
    this.write(() => this.prepare("INSERT INTO reserve (filler) VALUES (zeroblob(?))").run(RESERVED_BYTES));
    this.write(() => this.prepare("DELETE FROM reserve").run());
  }

  #transact<T>(work: () => T): T {
    try {
      return this.#sqlite.transaction(work).immediate();
    } catch (cause) {
      if (!(cause instanceof Database.SqliteError)) throw cause;
      this.errors.add(journalErrorKind(cause.code));
      if (isDamage(cause)) throw new DamagedJournalError("the journal's file is damaged", { cause });
      throw new JournalError(`the journal cannot be written: ${cause.message} (${cause.code})`, { cause });
    }
  }
}

function isDiskFull(error: unknown): boolean {
  return (
    error instanceof JournalError &&
    error.cause instanceof Database.SqliteError &&
    (error.cause.code === "SQLITE_FULL" || error.cause.code === "SQLITE_IOERR_SHMSIZE")
  );
}
