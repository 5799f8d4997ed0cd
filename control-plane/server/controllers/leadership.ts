/**
 * Whether this replica leads, and under which term. The lease is renewed well before it ends; loops ask for the term
 * before each pass, and each of their transactions compares it, so being wrong here for a moment does no harm.
 */
import type { Database } from "../store/database/database.ts";
import { restoreHold } from "../store/database/restore-hold.ts";
import { acquireLeadership, LEADER_LEASE_MS, releaseLeadership } from "../store/database/leader.ts";

/** Who does not lead asks as often: it takes over this long after the lease's end at most. */
export const RENEW_EVERY_MS = LEADER_LEASE_MS / 6;

export class Leadership {
  readonly #db: Database;
  readonly #holder: string;
  #former: string | null;
  #held: { term: number; untilMs: number; isRestoreHeld: boolean } | null = null;

  /** `holder` names this process among all replicas that ever were, `former` one whose place it has taken. */
  constructor(db: Database, { holder, former }: { holder: string; former: string | null }) {
    this.#db = db;
    this.#holder = holder;
    this.#former = former;
  }

  /**
   * Takes or renews the lease. `leads`: this replica has just become the leader; `resumes`: it is, and a restored database
   * waits no longer.
   */
  async renew(now: Date): Promise<"leads" | "resumes" | null> {
    const before = this.#held;
    const term = await acquireLeadership(this.#db, { holder: this.#holder, former: this.#former, now });
    // Once only: on a copy of another's folder it would be taken from one that lives, and again and again.
    this.#former = null;
    if (term === null) {
      this.#held = null;
      return null;
    }
    const isRestoreHeld = (await restoreHold(this.#db)) !== null;
    this.#held = { term, untilMs: now.getTime() + LEADER_LEASE_MS, isRestoreHeld };
    if (term !== before?.term) return "leads";
    return before.isRestoreHeld && !isRestoreHeld ? "resumes" : null;
  }

  /** Null while another replica leads, or when the lease ran out unrenewed. */
  term(now: Date): number | null {
    return this.#held !== null && this.#held.untilMs > now.getTime() ? this.#held.term : null;
  }

  /** True where the leader of a restored database orders and charges nothing yet. */
  get isRestoreHeld(): boolean {
    return this.#held?.isRestoreHeld === true;
  }

  async release(): Promise<void> {
    this.#held = null;
    await releaseLeadership(this.#db, this.#holder);
  }
}
