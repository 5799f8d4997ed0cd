/** What is free of the fleet, for whoever asks before ordering: hosts and cards, which are simulated, and what waits. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { WorkloadStatus } from "../../core/workloads/kinds.ts";
import type { WaitingWork } from "../../core/orders/prices/offers.ts";
import type { Fleet } from "../../core/placement/fleet/fleet.ts";
import { Placer } from "../../core/placement/placer.ts";
import type { Connection } from "../database/database.ts";
import type { KindStore } from "../workloads/kind-store.ts";
import { ofAllKinds } from "../workloads/kinds.ts";
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
    `SELECT count(*) AS orders, coalesce(sum(gpus), 0)::int8 AS gpus FROM (${ofAllKinds(waitingGpus)}) w`,
  );
  return {
    readAt,
    fleet,
    simulated: new Set(cards.rows.map(({ uuid }) => uuid)),
    waiting: waiting.rows[0] ?? { orders: 0, gpus: 0 },
    placer: new Placer(fleet, { policy: "best-fit", seed: 0, now: readAt.getTime() }),
  };
}

function waitingGpus(
  _kind: WorkloadKind,
  { waitingStarts, orderOfStart }: KindStore<WorkloadStatus>,
): string {
  return `SELECT coalesce(o.gpu, 0)::int8 * s.instances AS gpus FROM (${waitingStarts}) s JOIN ${orderOfStart}`;
}
