/**
 * The open terminals of this gateway among the sessions of their environments: who came, from where, since when, and how it
 * ended. No terminal waits for that: what cannot be written now is written with a later look. Those that are ordered to
 * end there are ended here.
 */
import { randomBytes } from "node:crypto";
import type { Log } from "@remotegpu/shared/log";
import type { SessionEnd } from "../../server/core/environments/access/access-belief.ts";
import type { Database } from "../../server/store/database/database.ts";
import { StoreError } from "../../server/store/database/store-error.ts";
import {
  cutTerminals,
  putTerminalSessions,
  type TerminalSessionRow,
} from "../../server/store/environments/access/terminal-sessions.ts";

const CHECK_EVERY_MS = 2_000;
/** The bytes of a session that goes on are reported this often. */
const BYTES_EVERY_MS = 30_000;
const SESSION_ID_BYTES = 18;

type Begun = Omit<TerminalSessionRow, "sessionId" | "openedAt" | "bytesIn" | "bytesOut" | "ended">;

/** One terminal, as whoever serves it tells of it. */
export interface ReportedTerminal {
  carried(bytes: { in?: number; out?: number }): void;
  /** The first word holds. */
  ended(by: SessionEnd, detail: string): void;
}

interface Open {
  row: TerminalSessionRow;
  reportedMs: number | null;
  reportedBytes: number;
  cut: (because: string) => void;
}

export class TerminalSessions {
  readonly #db: Database;
  readonly #gatewayId: string;
  readonly #now: () => Date;
  readonly #log: Log;
  readonly #open = new Map<string, Open>();
  #timer: NodeJS.Timeout | null = null;
  #checking: Promise<void> = Promise.resolve();

  constructor(parts: { db: Database; gatewayId: string; now: () => Date; log: Log }) {
    this.#db = parts.db;
    this.#gatewayId = parts.gatewayId;
    this.#now = parts.now;
    this.#log = parts.log;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.check(), CHECK_EVERY_MS);
  }

  /** Once all have ended: tells so. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.check();
  }

  /** @param cut ends it, since that was ordered */
  begin(begun: Begun, cut: (because: string) => void): ReportedTerminal {
    const sessionId = randomBytes(SESSION_ID_BYTES).toString("base64url");
    const row: TerminalSessionRow = {
      ...begun,
      sessionId,
      openedAt: this.#now(),
      bytesIn: 0,
      bytesOut: 0,
      ended: null,
    };
    this.#open.set(sessionId, { row, reportedMs: null, reportedBytes: 0, cut });
    void this.check();
    return {
      carried: (bytes) => {
        row.bytesIn += bytes.in ?? 0;
        row.bytesOut += bytes.out ?? 0;
      },
      ended: (by, detail) => {
        row.ended ??= { at: this.#now(), by, detail };
        void this.check();
      },
    };
  }

  /** One look after another. */
  async check(): Promise<void> {
    this.#checking = this.#checking.then(() => this.#check());
    await this.#checking;
  }

  async #check(): Promise<void> {
    if (this.#open.size === 0) return;
    const nowMs = performance.now();
    const due = [...this.#open.values()].filter((open) => isDue(open, nowMs));
    // As they are now: they go on meanwhile.
    const rows = due.map(({ row }) => ({ ...row }));
    try {
      await putTerminalSessions(this.#db, { gatewayId: this.#gatewayId, sessions: rows, now: this.#now() });
      due.forEach((open, nth) => this.#reported(open, rows[nth] ?? open.row, nowMs));
      for (const { sessionId, because } of await cutTerminals(this.#db, this.#gatewayId))
        this.#open.get(sessionId)?.cut(because);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#log.warn({ error }, "open terminals could not be reported as sessions; retrying");
    }
  }

  #reported(open: Open, row: TerminalSessionRow, nowMs: number): void {
    open.reportedMs = nowMs;
    open.reportedBytes = row.bytesIn + row.bytesOut;
    if (row.ended !== null) this.#open.delete(row.sessionId);
  }
}

function isDue({ row, reportedMs, reportedBytes }: Open, nowMs: number): boolean {
  if (reportedMs === null || row.ended !== null) return true;
  return nowMs - reportedMs >= BYTES_EVERY_MS && row.bytesIn + row.bytesOut !== reportedBytes;
}
