/**
 * The GPU time that each workspace had lately, for its fair share: from the moment that a placement took its cards until
 * the host confirmed that they are free, whether or not it was charged.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/units";
import { sharerOf } from "../../../core/orders/order.ts";
import { FAIR_SHARE_WINDOW_SECONDS } from "../../../core/queue/fair-share.ts";
import type { Connection } from "../../database/database.ts";

/** Of a window of days: what is had meanwhile is as good as nothing, and a pass counts by itself what it gives. */
const KEPT_MS = 5 * MS_PER_SECOND;

/** What counts for the fair share, up to five seconds old: passes follow each other faster, and each would read days. */
export class KeptGpuTime {
  readonly #db: Connection;
  #kept: { used: ReadonlyMap<string, number>; readAtMs: number } | null = null;

  constructor(db: Connection) {
    this.#db = db;
  }

  async at(now: Date): Promise<ReadonlyMap<string, number>> {
    const ageMs = this.#kept === null ? Infinity : now.getTime() - this.#kept.readAtMs;
    if (this.#kept !== null && ageMs >= 0 && ageMs < KEPT_MS) return this.#kept.used;
    const used = await recentGpuTime(this.#db, { now, windowSeconds: FAIR_SHARE_WINDOW_SECONDS });
    this.#kept = { used, readAtMs: now.getTime() };
    return used;
  }
}

/**
 * GPU thousandths times seconds within the window that ends now, by who shares; who had none is not in it. A run's
 * workspace and payer were frozen at its start, and without a workspace the payer is the customer.
 */
export async function recentGpuTime(
  sql: Connection,
  { now, windowSeconds }: { now: Date; windowSeconds: number },
): Promise<Map<string, number>> {
  const { rows } = await sql.query<{ workspace_id: number | null; customer_id: number; used: number }>(
    `WITH held AS (
       SELECT DISTINCT ON (a.id) r.workspace_id, r.customer_id, coalesce(a.share_thousandths, 1000) AS share,
              extract(epoch FROM least(coalesce(a.released_at, $1), $1) - greatest(a.allocated_at, $2)) AS seconds
         FROM gpu_allocations a JOIN runs r ON r.instance_id = a.instance_id AND r.epoch = a.epoch
        WHERE (a.released_at IS NULL OR a.released_at > $2) AND a.allocated_at < $1
        ORDER BY a.id, r.ordered_at, r.id)
     SELECT workspace_id, CASE WHEN workspace_id IS NULL THEN customer_id END AS customer_id,
            floor(sum(share * seconds))::bigint AS used
       FROM held GROUP BY 1, 2`,
    [now, new Date(now.getTime() - windowSeconds * 1000)],
  );
  return new Map(
    rows.map((row) => [sharerOf({ customerId: row.customer_id, workspaceId: row.workspace_id }), row.used]),
  );
}
