/**
 * Who may enter what, asked of Postgres: for each request, unless the answer is two seconds young, and again and again for
 * whoever is in. What was answered within the last minutes holds while Postgres is away.
 */
import { admit, type Admission, type EntryState } from "../../core/gateway/admission.ts";
import type { Entry } from "../../core/gateway/entry.ts";
import type { GatewayTarget } from "../../core/environments/web-target.ts";
import { type Database, StoreError } from "../../store/database/database.ts";
import { batchedRead } from "../../store/database/together.ts";
import { type EntryQuestion, entryStates } from "../../store/environments/web/web-standings.ts";

const YOUNG_MS = 2_000;
const HOLDS_MS = 5 * 60_000;
/** More than these and the ones longest unasked are asked anew. */
const MAX_KEPT = 20_000;

/** Postgres does not answer, and nothing was known from the minutes before. */
export class RightsUnknown extends Error {
  override readonly name = "RightsUnknown";
}

const NOTHING: EntryState = { keyRights: null, share: null, person: null, environment: null };

interface Kept {
  state: EntryState;
  checkedAtMs: number;
}

export class Rights {
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #cached = new Map<string, Kept>();
  readonly #readBatched: (sql: Database, question: EntryQuestion) => Promise<EntryState | null>;

  constructor({ db, now }: { db: Database; now: () => Date }) {
    this.#db = db;
    this.#now = now;
    this.#readBatched = batchedRead(async (sql, asked: readonly EntryQuestion[]) => {
      const standings = await entryStates(sql, asked, this.#now());
      return new Map(asked.map((question, nth) => [question, standings[nth] as EntryState]));
    });
  }

  /** @throws RightsUnknown */
  async request(question: EntryQuestion, target: GatewayTarget): Promise<Admission> {
    const key = keyOf(question);
    const kept = this.#cached.get(key);
    const nowMs = this.#now().getTime();
    if (kept !== undefined && nowMs - kept.checkedAtMs < YOUNG_MS) {
      const admission = admit(kept.state, question.entry.kind, target);
      // Only that somebody may is believed without asking: who has just been let in is not sent away.
      if (admission.admitted) return admission;
    }
    try {
      const standing = (await this.#readBatched(this.#db, question)) ?? NOTHING;
      this.#keep(key, { state: standing, checkedAtMs: nowMs });
      return admit(standing, question.entry.kind, target);
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      return admit(this.#held(key, nowMs, cause), question.entry.kind, target);
    }
  }

  /** By one query for all. Null where Postgres is away and what was known has become too old. */
  async requestAll(questions: readonly EntryQuestion[]): Promise<readonly (EntryState | null)[]> {
    const nowMs = this.#now().getTime();
    try {
      const standings = await entryStates(this.#db, questions, this.#now());
      standings.forEach((standing, nth) => {
        const question = questions[nth];
        if (question !== undefined) this.#keep(keyOf(question), { state: standing, checkedAtMs: nowMs });
      });
      return standings;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return questions.map((question) => {
        const kept = this.#cached.get(keyOf(question));
        return kept !== undefined && nowMs - kept.checkedAtMs < HOLDS_MS ? kept.state : null;
      });
    }
  }

  #held(key: string, nowMs: number, cause: StoreError): EntryState {
    const kept = this.#cached.get(key);
    if (kept === undefined || nowMs - kept.checkedAtMs >= HOLDS_MS)
      throw new RightsUnknown("The database does not answer now; try again shortly.", { cause });
    return kept.state;
  }

  #keep(key: string, kept: Kept): void {
    this.#cached.delete(key);
    this.#cached.set(key, kept);
    if (this.#cached.size <= MAX_KEPT) return;
    const oldest = this.#cached.keys().next();
    if (oldest.done !== true) this.#cached.delete(oldest.value);
  }
}

export function entryKey(entry: Entry): string {
  return entry.kind === "person" ? `k${entry.keyId}` : `s${entry.shareId}`;
}

function keyOf({ entry, environmentId }: EntryQuestion): string {
  return `${entryKey(entry)} ${environmentId}`;
}
