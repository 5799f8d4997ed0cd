/**
 * Who may enter what, asked of Postgres: for each request, unless the answer is two seconds young, and again and again for
 * whoever is in. What was answered within the last minutes holds while Postgres is away.
 */
import { admit, type Admission, type EntryState } from "../../server/core/gateway/admission.ts";
import type { Entry } from "../../server/core/gateway/entry.ts";
import { inEnglish } from "../../server/core/reasons/english/english.ts";
import { reasonOf } from "../../server/core/reasons/plain-reason.ts";
import type { GatewayTarget } from "../../server/core/environments/web-target.ts";
import type { Database } from "../../server/store/database/database.ts";
import { StoreError } from "../../server/store/database/store-error.ts";
import { batchedRead } from "../../server/store/database/batched-read.ts";
import { type EntryQuestion, entryStates } from "../../server/store/environments/web/entry-states.ts";

const YOUNG_MS = 2_000;
const HOLDS_MS = 5 * 60_000;
/** More than these and the ones longest unasked are asked anew. */
const MAX_CACHED = 20_000;

/** Postgres does not answer, and nothing was known from the minutes before. */
export class RightsUnknown extends Error {
  override readonly name = "RightsUnknown";

  constructor({ cause }: { cause: unknown }) {
    super(inEnglish(reasonOf("database-unavailable")), { cause });
  }
}

const NOTHING: EntryState = { keyRights: null, share: null, person: null, environment: null };

interface CachedEntry {
  state: EntryState;
  checkedAtMs: number;
}

export class Rights {
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #cached = new Map<string, CachedEntry>();
  readonly #readBatched: (sql: Database, question: EntryQuestion) => Promise<EntryState | null>;

  constructor({ db, now }: { db: Database; now: () => Date }) {
    this.#db = db;
    this.#now = now;
    this.#readBatched = batchedRead(async (sql, requested: readonly EntryQuestion[]) => {
      const states = await entryStates(sql, requested, this.#now());
      return new Map(requested.map((question, nth) => [question, states[nth] as EntryState]));
    });
  }

  /** @throws RightsUnknown */
  async request(question: EntryQuestion, target: GatewayTarget): Promise<Admission> {
    const key = keyOf(question);
    const cached = this.#cached.get(key);
    const nowMs = this.#now().getTime();
    if (cached !== undefined && nowMs - cached.checkedAtMs < YOUNG_MS) {
      const admission = admit(cached.state, question.entry.kind, target);
      // Only that somebody may is believed without asking: who has just been let in is not sent away.
      if (admission.admitted) return admission;
    }
    try {
      const state = (await this.#readBatched(this.#db, question)) ?? NOTHING;
      this.#keep(key, { state, checkedAtMs: nowMs });
      return admit(state, question.entry.kind, target);
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      return admit(this.#held(key, nowMs, cause), question.entry.kind, target);
    }
  }

  /** By one query for all. Null where Postgres is away and what was known has become too old. */
  async requestAll(questions: readonly EntryQuestion[]): Promise<readonly (EntryState | null)[]> {
    const nowMs = this.#now().getTime();
    try {
      const states = await entryStates(this.#db, questions, this.#now());
      states.forEach((state, nth) => {
        const question = questions[nth];
        if (question !== undefined) this.#keep(keyOf(question), { state, checkedAtMs: nowMs });
      });
      return states;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return questions.map((question) => {
        const cached = this.#cached.get(keyOf(question));
        return cached !== undefined && nowMs - cached.checkedAtMs < HOLDS_MS ? cached.state : null;
      });
    }
  }

  #held(key: string, nowMs: number, cause: StoreError): EntryState {
    const cached = this.#cached.get(key);
    if (cached === undefined || nowMs - cached.checkedAtMs >= HOLDS_MS) throw new RightsUnknown({ cause });
    return cached.state;
  }

  #keep(key: string, cached: CachedEntry): void {
    this.#cached.delete(key);
    this.#cached.set(key, cached);
    if (this.#cached.size <= MAX_CACHED) return;
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
