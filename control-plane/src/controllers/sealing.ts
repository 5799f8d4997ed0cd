/**
 * Seals what the database holds plain of secrets: what an earlier version wrote, or a server of one beside this one. A
 * server that begins to lead looks through all of it, and again each day; in between a pass does nothing.
 */
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_DAY } from "@remotegpu/shared/units";
import type { Database } from "../store/database/database.ts";
import { assertTerm } from "../store/database/leader.ts";
import { resealAll } from "../store/secrets/resealing.ts";
import type { Seals } from "../store/secrets/sealed-tables.ts";

const MAX_NAMED = 20;

export class Sealing {
  readonly #deps: { db: Database; seals: Seals; log: Log };
  #scanned: { term: number; atMs: number } | null = null;

  constructor(deps: { db: Database; seals: Seals; log: Log }) {
    this.#deps = deps;
  }

  /** @throws LeadershipLostError when another replica leads by now; what was sealed until then stays so */
  async pass({ term, now }: { term: number; now: Date }): Promise<void> {
    const before = this.#scanned;
    if (before?.term === term && now.getTime() - before.atMs < MS_PER_DAY) return;
    const { db, seals, log } = this.#deps;
    const { sealed, left } = await resealAll(db, {
      seals,
      of: "plain",
      assert: (sql) => assertTerm(sql, term),
    });
    this.#scanned = { term, atMs: now.getTime() };
    if (sealed > 0)
      log.info({ rows: sealed }, "plain values of variables and secrets of webhooks were sealed");
    if (left.length > 0)
      log.error({ count: left.length, rows: left.slice(0, MAX_NAMED) }, "these rows could not be sealed");
  }
}
