/** What is free of the fleet, for whoever asks before ordering: hosts and cards, which are simulated, and what waits. */
import type { WaitingWork } from "../../core/orders/prices/offers.ts";
import type { Fleet } from "../../core/placement/fleet/fleet.ts";
import { Placer } from "../../core/placement/placer.ts";
import type { Connection } from "../database/database.ts";
import { waitsForPlace } from "../database/old-values.ts";
import { fleetSnapshot } from "./fleet-snapshot.ts";

export interface FleetNow {
  readAt: Date;
  fleet: Fleet;
  simulated: ReadonlySet<string>;
  waiting: WaitingWork;
  /** Asked whether there is room, and never to place. */
  placer: Pick<Placer, "hasRoom">;
}

export async function fleetNow(sql: Connection, readAt: Date): Promise<FleetNow> {
  const fleet = await fleetSnapshot(sql, { now: readAt });
  const cards = await sql.query<{ uuid: string }>(
    "SELECT uuid FROM gpus WHERE simulated AND vanished_at IS NULL AND uuid IS NOT NULL",
  );
  const waiting = await sql.query<WaitingWork>(
    `SELECT count(*) AS orders, coalesce(sum(gpus), 0)::int8 AS gpus FROM (
       SELECT coalesce(e.gpu, 0)::int8 AS gpus FROM environments e
        WHERE ${waitsForPlace("environment", "e")} AND e.deleted_at IS NULL
       UNION ALL
       SELECT coalesce(j.gpu, 0)::int8 * coalesce(j.node_count, 1) FROM training_jobs j
        WHERE ${waitsForPlace("training", "j")} AND j.deleted_at IS NULL) w`,
  );
  return {
    readAt,
    fleet,
    simulated: new Set(cards.rows.map(({ uuid }) => uuid)),
    waiting: waiting.rows[0] ?? { orders: 0, gpus: 0 },
    placer: new Placer(fleet, { policy: "best-fit", seed: 0, now: readAt.getTime() }),
  };
}
