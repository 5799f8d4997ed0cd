/**
 * The costs that looks of streams show: asked for beside them, since what takes longest is to delay no change of anything
 * else. What is told is as old as the last answer.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { WorkloadCost } from "../../../core/stream/snapshot.ts";
import type { Database } from "../../database/database.ts";
import { StreamCosts } from "./stream-costs.ts";

/** What is proven of a run comes once a minute at most, and prices are by the minute. */
const POLL_MS = 5 * MS_PER_SECOND;
/** Asking is never most of what the database does. */
const REST_PER_READ = 4;

export class LatestCosts {
  readonly #costs: StreamCosts;
  #known: ReadonlyMap<string, WorkloadCost> | null = null;
  #fault: { error: unknown } | null = null;
  #since: number | null = null;
  #isRequesting = false;
  #nextMs = 0;

  constructor(db: Database) {
    this.#costs = new StreamCosts(db);
  }

  /**
   * Null until there are any.
   * @param since the last transaction of the ledger of so long ago that those before it have come to their end
   * @param nowMs of a clock that only goes on
   */
  known({ at, since, nowMs }: { at: Date; since: number; nowMs: number }) {
    const fault = this.#fault;
    this.#fault = null;
    if (fault !== null) throw fault.error;
    if (!this.#isRequesting && nowMs >= this.#nextMs) void this.#request({ at, since, nowMs });
    return this.#known;
  }

  async #request({ at, since, nowMs }: { at: Date; since: number; nowMs: number }): Promise<void> {
    this.#isRequesting = true;
    const beganMs = performance.now();
    try {
      // From where the asking before stood, however long ago that was.
      this.#known = await this.#costs.now({ at, since: this.#since ?? since });
      this.#since = since;
    } catch (error) {
      this.#fault = { error };
    }
    const tookMs = performance.now() - beganMs;
    this.#nextMs = nowMs + Math.max(POLL_MS, (1 + REST_PER_READ) * tookMs);
    this.#isRequesting = false;
  }
}
