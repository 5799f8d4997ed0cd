/** Instances as their people see them, and of replicas what is in flight at each, as the gateways that run told it last. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { inFlightAt, type ServiceReport } from "../../core/gateway/services/gateway-report.ts";
import type { Connection } from "../database/database.ts";
import { gatewayReports } from "../gateway/reports.ts";
import { type InstancesQuery, type InstanceView, instancesOf } from "../workloads/instances/instances.ts";

export interface SeenInstance extends InstanceView {
  /** Requests that gateways have given it and that are not over; null for what is no replica, and where no gateway tells. */
  in_flight: number | null;
}

/** By workload, as instancesOf has them. */
export async function seenInstances(
  sql: Connection,
  kind: WorkloadKind,
  workloadIds: readonly string[],
  { now, ...query }: InstancesQuery & { now: Date },
): Promise<Map<string, SeenInstance[]>> {
  const views = await instancesOf(sql, kind, workloadIds, query);
  const serviceIds = workloadIds.filter((id) => views.get(id)?.some(isReplica));
  const reported = await reportedOf(sql, serviceIds, now);
  return new Map(
    [...views].map(([workloadId, ofOne]) => {
      const reports = reported.map((services) => services[workloadId] ?? null);
      const seen = (view: InstanceView) => ({
        ...view,
        in_flight: isReplica(view) ? inFlightAt(view.id, reports) : null,
      });
      return [workloadId, ofOne.map(seen)];
    }),
  );
}

function isReplica({ revision }: InstanceView): boolean {
  return revision !== null;
}

/** The reports of each gateway that has sent any. */
async function reportedOf(
  sql: Connection,
  serviceIds: readonly string[],
  now: Date,
): Promise<Readonly<Record<string, ServiceReport>>[]> {
  if (serviceIds.length === 0) return [];
  const reports = await gatewayReports(sql, serviceIds, now);
  return reports.flatMap(({ reported }) => (reported === null ? [] : [reported.services]));
}
