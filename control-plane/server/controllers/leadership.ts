/**
 * Whether this replica leads, and under which term. The lease is renewed well before it ends; loops ask for the term
 * before each pass, and each of their transactions compares it, so being wrong here for a moment does no harm.
 */
import type { Database } from "../store/database/database.ts";
import { acquireLeadership, LEADER_LEASE_MS, releaseLeadership } from "../store/database/leader.ts";

/** Who does not lead asks as often: it takes over this long after the lease's end at most. */
export const RENEW_EVERY_MS = LEADER_LEASE_MS / 6;

export class Leadership {
  readonly #db: Database;
  readonly #holder: string;
  #former: string | null;
  #held: { term: number; untilMs: number } | null = null;

  /** `holder` names this process among all replicas that ever were, `former` one whose place it has taken. */
  constructor(db: Database, { holder, former }: { holder: string; former: string | null }) {
    this.#db = db;
    this.#holder = holder;
    this.#former = former;
  }

  /** Takes or renews the lease; true when this replica has just become the leader. */
  async renew(now: Date): Promise<boolean> {
    const before = this.#held?.term ?? null;
    const term = await acquireLeadership(this.#db, { holder: this.#holder, former: this.#former, now });
    // Once only: on a copy of another's folder it would be taken from one that lives, and again and again.
    this.#former = null;
    this.#held = term === null ? null : { term, untilMs: now.getTime() + LEADER_LEASE_MS };
    return term !== null && term !== before;
  }

  /** Null while another replica leads, or when the lease ran out unrenewed. */
  term(now: Date): number | null {
    return this.#held !== null && this.#held.untilMs > now.getTime() ? this.#held.term : null;
  }

  async release(): Promise<void> {
    this.#held = null;
    await releaseLeadership(this.#db, this.#holder);
  }
}
