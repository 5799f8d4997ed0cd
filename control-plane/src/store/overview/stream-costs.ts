/** What running workloads cost, for streams: as lists of workloads tell it, of all that run with the same few questions. */
import { WORKLOAD_KINDS, type WorkloadKind } from "@remotegpu/shared/workload";
import type { WorkloadCost } from "../../core/stream/snapshot.ts";
import { workloadTopic } from "../../core/stream/topics.ts";
import { LIVE } from "../accounts/workspaces.ts";
import type { Connection } from "../database/database.ts";
import { ORDERERS } from "../workloads/kinds.ts";
import { moneyOfWorkloads } from "./workload-money.ts";

interface RunningRow {
  kind: WorkloadKind;
  id: string;
  customer_id: number | null;
  workspace_id: number | null;
}

/** By their topics. */
export async function runningCosts(sql: Connection, at: Date): Promise<ReadonlyMap<string, WorkloadCost>> {
  const { rows } = await sql.query<RunningRow>(
    `SELECT o.kind, o.id, o.customer_id, w.id AS workspace_id
       FROM (SELECT DISTINCT resource_type, resource_id FROM runs WHERE closed_at IS NULL) r
       JOIN (${ORDERERS}) o ON o.kind = r.resource_type AND o.id = r.resource_id
       LEFT JOIN workspaces w ON w.id = o.workspace_id AND ${LIVE}`,
  );
  const costs = new Map<string, WorkloadCost>();
  for (const kind of WORKLOAD_KINDS) {
    const running = rows.filter((row) => row.kind === kind);
    const money = await moneyOfWorkloads(sql, { kind, ids: running.map(({ id }) => id), at });
    for (const { id, customer_id: customerId, workspace_id: workspaceId } of running) {
      const told = money.get(id);
      costs.set(workloadTopic(kind, id), {
        id,
        customerId,
        workspaceId,
        costSoFar: told?.cost_so_far ?? null,
        ratePerHour: told?.rate_per_hour ?? null,
      });
    }
  }
  return costs;
}
