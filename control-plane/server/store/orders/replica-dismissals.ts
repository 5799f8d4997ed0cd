/** Replicas that go: done without at once, while their hosts remove what they have of them. */
import type { Leaving } from "../../core/inference/departures.ts";
import { closeRun } from "../billing/runs/runs.ts";
import type { Transaction } from "../database/database.ts";
import { raiseGenerations } from "../hosts/hosts.ts";
import { noteDismissals, type OfService } from "../inference/replicas/replica-moves.ts";
import { waivePlacement } from "./workload-stops.ts";
import { placementsNotGone, want } from "../workloads/instances/workload-placements.ts";

/** Answers the hosts whose desired sets changed. What of it is still charged is core/billing/stop-waiver.ts's to say. */
export async function dismissReplicas(
  sql: Transaction,
  { service, leaving, now }: OfService & { leaving: readonly Leaving[] },
): Promise<string[]> {
  if (leaving.length === 0) return [];
  const gone = await noteDismissals(sql, { service, leaving, now });
  const hostIds: string[] = [];
  for (const placement of await placementsNotGone(sql, { kind: "inference", id: service.id })) {
    const one = gone.get(placement.instance_id);
    if (one === undefined) continue;
    const order = { by: "control-plane", actor: "control-plane", cause: one.cause } as const;
    // Whoever ordered it to end before has said from when on it is free.
    if (placement.want === "running")
      await waivePlacement(sql, placement, { ...order, now: new Date(now.getTime() - one.freeForMs) });
    if (placement.want === "removed") continue;
    await want(sql, placement, { wanted: "removed", by: "control-plane", reason: one.why });
    hostIds.push(placement.host_id);
  }
  await closeUnheard(sql, [...gone.keys()], now);
  await raiseGenerations(sql, hostIds);
  return [...new Set(hostIds)];
}

/** A host that has known a later placement, which a restored database has lost, will never say anything of this run. */
async function closeUnheard(sql: Transaction, instanceIds: readonly string[], now: Date): Promise<void> {
  const { rows } = await sql.query<{ run_id: string }>(
    `SELECT p.run_id FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
      WHERE i.id = ANY($1::text[]) AND i.known_epoch > p.epoch AND p.state = 'failed' AND p.run_id IS NOT NULL`,
    [instanceIds],
  );
  for (const { run_id: runId } of rows) await closeRun(sql, runId, now);
}
