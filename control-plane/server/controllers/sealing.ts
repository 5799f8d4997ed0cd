/**
 * Seals what the database holds plain of secrets: what an earlier version wrote, or a server of one beside this one. A
 * server that begins to lead looks through all of it, and again each hour, or after a failure later and later up to that;
 * in between a pass does nothing.
 */
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { Database } from "../store/database/database.ts";
import { assertTerm } from "../store/database/leader.ts";
import { resealAll } from "../store/secrets/resealing.ts";
import type { Seals } from "../store/secrets/sealed-tables.ts";

const MAX_NAMED = 20;
const EVERY_MS = MS_PER_HOUR;
const FIRST_RETRY_MS = 2 * MS_PER_MINUTE;

export class Sealing {
  readonly #deps: { db: Database; seals: Seals; log: Log };
  #last: { term: number; nextMs: number; failures: number } | null = null;

  constructor(deps: { db: Database; seals: Seals; log: Log }) {
    this.#deps = deps;
  }

  /** @throws LeadershipLostError when another replica leads by now; what was sealed until then stays so */
  async pass({ term, now }: { term: number; now: Date }): Promise<void> {
    const last = this.#last?.term === term ? this.#last : { nextMs: 0, failures: 0 };
    const nowMs = now.getTime();
    if (nowMs < last.nextMs) return;
    // Each scan reads tables whole: one that fails must not run again with every pass.
    const retryMs = Math.min(EVERY_MS, FIRST_RETRY_MS * 2 ** last.failures);
    this.#last = { term, nextMs: nowMs + retryMs, failures: last.failures + 1 };
    const { db, seals, log } = this.#deps;
    const { sealed, left } = await resealAll(db, {
      seals,
      of: "plain",
      assert: (sql) => assertTerm(sql, term),
    });
    this.#last = { term, nextMs: nowMs + EVERY_MS, failures: 0 };
    if (sealed > 0)
      log.info({ rows: sealed }, "plain values of variables and secrets of webhooks were sealed");
    if (left.length > 0)
      log.error({ count: left.length, rows: left.slice(0, MAX_NAMED) }, "these rows could not be sealed");
  }
}
