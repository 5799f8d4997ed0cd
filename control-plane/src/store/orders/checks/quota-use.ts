/**
 * What payers and workspaces use of their quotas, and whether more fits. Asked with the payers' accounts locked, so
 * that two orders at once cannot both take the last of it; orders that are asked together count for each other.
 */
import { MIB } from "@remotegpu/shared/units";
import { describeExceeded, exceededQuota } from "../../../core/orders/quota.ts";
import { defaultQuota, type Quota } from "../../../core/orders/quota-levels.ts";
import { quotaLimits } from "../../accounts/quotas.ts";
import type { Connection } from "../../database/database.ts";
import { waitsForPlace } from "../../database/old-values.ts";
import { type Askers, ownedWorkloads } from "./workloads-of-payers.ts";

export interface QuotaShare {
  payerId: number;
  workspaceId: number | null;
  share: Quota;
}

export interface QuotaTally {
  /** A sentence that names the quota, its limit and its use; null where this much more fits. */
  obstacleTo(asked: QuotaShare): string | null;
  /** Counts it as used from now on, or no more. */
  count(asked: QuotaShare, sign: 1 | -1): void;
}

/** @param askers not counted as used */
export async function quotaTally(
  sql: Connection,
  shares: readonly QuotaShare[],
  { askers, defaultLevel }: { askers: Askers; defaultLevel: string },
): Promise<QuotaTally> {
  const payerIds = [...new Set(shares.map(({ payerId }) => payerId))];
  const workspaceIds = [...new Set(shares.flatMap(({ workspaceId }) => workspaceId ?? []))];
  const limits = await quotaLimits(sql, { customerIds: payerIds, workspaceIds });
  const used = await quotaUses(sql, { payerIds, workspaceIds: [...limits.workspaces.keys()], askers });
  return {
    obstacleTo({ payerId, workspaceId, share }) {
      const ofPayer = limits.customers.get(payerId) ?? defaultQuota(defaultLevel);
      const exceeded = exceededQuota(ofPayer, used.payers.get(payerId) ?? NOTHING, share);
      if (exceeded !== null) return describeExceeded(exceeded, "customer");
      const ofWorkspace = workspaceId === null ? undefined : limits.workspaces.get(workspaceId);
      if (workspaceId === null || ofWorkspace === undefined) return null;
      const beyond = exceededQuota(ofWorkspace, used.workspaces.get(workspaceId) ?? NOTHING, share);
      return beyond === null ? null : describeExceeded(beyond, "workspace");
    },
    count({ payerId, workspaceId, share }, sign) {
      used.payers.set(payerId, sum(used.payers.get(payerId) ?? NOTHING, share, sign));
      if (workspaceId !== null)
        used.workspaces.set(workspaceId, sum(used.workspaces.get(workspaceId) ?? NOTHING, share, sign));
    },
  };
}

const NOTHING: Quota = {
  cpu_quota: 0,
  memory_quota: 0,
  gpu_quota: 0,
  storage_quota: 0,
  environment_quota: 0,
};

function sum(one: Quota, other: Quota, sign: 1 | -1): Quota {
  return {
    cpu_quota: one.cpu_quota + sign * other.cpu_quota,
    memory_quota: one.memory_quota + sign * other.memory_quota,
    gpu_quota: one.gpu_quota + sign * other.gpu_quota,
    storage_quota: one.storage_quota + sign * other.storage_quota,
    environment_quota: one.environment_quota + sign * other.environment_quota,
  };
}

/**
 * CPU, memory and GPUs count while something runs or waits to; storage and the number of environments count while they
 * exist. What says that it runs and has no instance comes from the old system and holds nothing.
 */
const USES = `
  SELECT owner, owner_id, coalesce(sum(cpu) FILTER (WHERE active), 0)::bigint AS cpu_quota,
         coalesce(sum(memory) FILTER (WHERE active), 0)::bigint AS memory_quota,
         coalesce(sum(gpu) FILTER (WHERE active), 0)::bigint AS gpu_quota,
         least(coalesce(sum(storage), 0), ${Number.MAX_SAFE_INTEGER})::bigint AS storage_quota,
         sum(environments) AS environment_quota
    FROM (
      SELECT owner, owner_id, cpu::bigint, ceil(memory / ${MIB}.0) AS memory, gpu::bigint, storage, 1 AS environments,
             status = 'queued' OR status IN ('creating', 'running', 'restarting', 'stopping') AND EXISTS (
               SELECT FROM instances i WHERE i.workload_kind = 'environment' AND i.workload_id = e.id) AS active
        FROM (${ownedWorkloads("environments", ["id", "cpu", "memory", "gpu", "storage", "status"])}) e
       WHERE status IS DISTINCT FROM 'deleting' AND id <> ALL($3::text[])
      UNION ALL
      SELECT owner, owner_id, cpu::bigint * coalesce(node_count, 1),
             ceil(memory / ${MIB}.0) * coalesce(node_count, 1), gpu::bigint * coalesce(node_count, 1), NULL, 0, true
        FROM (${ownedWorkloads("training_jobs", ["id", "cpu", "memory", "gpu", "node_count", "status", "confirmed_at"])}) j
       WHERE (${waitsForPlace("training", "j")} OR status IN ('running', 'stopping') AND EXISTS (
               SELECT FROM instances i WHERE i.workload_kind = 'training' AND i.workload_id = j.id))
         AND id <> ALL($4::text[])
    ) workloads GROUP BY owner, owner_id`;

async function quotaUses(
  sql: Connection,
  {
    payerIds,
    workspaceIds,
    askers,
  }: { payerIds: readonly number[]; workspaceIds: readonly number[]; askers: Askers },
): Promise<{ payers: Map<number, Quota>; workspaces: Map<number, Quota> }> {
  const { rows } = await sql.query<Quota & { owner: "payer" | "workspace"; owner_id: number }>(USES, [
    payerIds,
    workspaceIds,
    askers.environmentIds,
    askers.jobIds,
  ]);
  const usesOf = (owner: "payer" | "workspace") =>
    new Map(
      rows.filter((row) => row.owner === owner).map(({ owner: _owner, owner_id, ...use }) => [owner_id, use]),
    );
  return { payers: usesOf("payer"), workspaces: usesOf("workspace") };
}
