/**
 * What payers and workspaces use of their quotas, and whether more fits. Asked with the payers' accounts locked, so
 * that two orders at once cannot both take the last of it; orders that are asked together count for each other.
 */
import { MIB } from "@remotegpu/shared/units";
import type { WorkloadKind } from "@remotegpu/shared/workload";
import { exceededQuota, exceededReason } from "../../../core/orders/quota.ts";
import { defaultQuota, type Quota } from "../../../core/orders/quota-levels.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import type { WorkloadStatus } from "../../../core/workloads/kinds.ts";
import type { WorkloadName } from "../../../core/workloads/workload-name.ts";
import { quotaLimits } from "../../accounts/quotas.ts";
import { LIVE } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";
import type { KindStore } from "../../workloads/kind-store.ts";
import { ofAllKinds } from "../../workloads/kinds.ts";
import { ownedWorkloads } from "./workloads-of-payers.ts";

export interface QuotaShare {
  payerId: number;
  workspaceId: number | null;
  share: Quota;
}

export interface QuotaTally {
  /** The quota, its limit and its use; null where this much more fits. */
  obstacleTo(requested: QuotaShare): Reason | null;
  /** The same as if nothing else were there. */
  obstacleAlone(requested: QuotaShare): Reason | null;
  /** Counts it as used from now on, or no more. */
  count(requested: QuotaShare, sign: 1 | -1): void;
}

/** @param askers not counted as used */
export async function quotaTally(
  sql: Connection,
  shares: readonly QuotaShare[],
  { clients, defaultLevel }: { clients: readonly WorkloadName[]; defaultLevel: string },
): Promise<QuotaTally> {
  const payerIds = [...new Set(shares.map(({ payerId }) => payerId))];
  const workspaceIds = [...new Set(shares.flatMap(({ workspaceId }) => workspaceId ?? []))];
  const limits = await quotaLimits(sql, { customerIds: payerIds, workspaceIds });
  const used = await quotaUses(sql, {
    payerIds,
    workspaceIds: [...limits.workspaces.keys()],
    clients,
  });
  const obstacle = (
    { payerId, workspaceId, share }: QuotaShare,
    beside: { payers: ReadonlyMap<number, Quota>; workspaces: ReadonlyMap<number, Quota> },
  ): Reason | null => {
    const ofPayer = limits.customers.get(payerId) ?? defaultQuota(defaultLevel);
    const exceeded = exceededQuota(ofPayer, beside.payers.get(payerId) ?? NOTHING, share);
    if (exceeded !== null) return exceededReason(exceeded, "customer");
    const ofWorkspace = workspaceId === null ? undefined : limits.workspaces.get(workspaceId);
    if (workspaceId === null || ofWorkspace === undefined) return null;
    const beyond = exceededQuota(ofWorkspace, beside.workspaces.get(workspaceId) ?? NOTHING, share);
    return beyond === null ? null : exceededReason(beyond, "workspace");
  };
  return {
    obstacleTo: (requested) => obstacle(requested, used),
    obstacleAlone: (requested) => obstacle(requested, { payers: new Map(), workspaces: new Map() }),
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

/** The use of what owners brought into datasets and models, from the moment at which they announced its size. */
const DATA_USES = (["dataset", "model"] as const)
  .map(
    (kind) => `
    SELECT owner, owner_id, 0::bigint, 0, 0::bigint, c.total_size, 0, false
      FROM (SELECT 'payer' AS owner, coalesce(w.owner_id, d.customer_id) AS owner_id, d.id FROM ${kind}s d
              LEFT JOIN workspaces w ON w.id = d.workspace_id AND ${LIVE}
             WHERE (d.customer_id = ANY($1::bigint[])
                    OR d.workspace_id = ANY(ARRAY(SELECT id FROM workspaces WHERE owner_id = ANY($1::bigint[]))))
               AND coalesce(w.owner_id, d.customer_id) = ANY($1::bigint[])
            UNION ALL
            SELECT 'workspace', workspace_id, id FROM ${kind}s WHERE workspace_id = ANY($2::bigint[])) d
      JOIN data_copies c ON c.${kind}_id = d.id`,
  )
  .join(" UNION ALL ");

/** CPU, memory and GPUs count while something runs or waits to; storage and the number of environments while they exist. */
const USES = `
  SELECT owner, owner_id, coalesce(sum(cpu) FILTER (WHERE active), 0)::bigint AS cpu_quota,
         coalesce(sum(memory) FILTER (WHERE active), 0)::bigint AS memory_quota,
         coalesce(sum(gpu) FILTER (WHERE active), 0)::bigint AS gpu_quota,
         least(coalesce(sum(storage), 0), ${Number.MAX_SAFE_INTEGER})::bigint AS storage_quota,
         sum(environments) AS environment_quota
    FROM (${ofAllKinds(usesOfKind)} UNION ALL ${DATA_USES}) uses GROUP BY owner, owner_id`;

function usesOfKind(
  kind: WorkloadKind,
  { table, uses, columns: { storage } }: KindStore<WorkloadStatus>,
): string {
  const columns = ["id", "cpu", "memory", "gpu", "status", ...uses.columns];
  return `SELECT owner, owner_id, ${uses.total((row) => `${row}.cpu::bigint`)} AS cpu,
             ${uses.total((row) => `ceil(${row}.memory / ${MIB}.0)`)} AS memory,
             ${uses.total((row) => `${row}.gpu::bigint`)} AS gpu,
             ${storage} AS storage, ${uses.environments} AS environments, ${uses.isActive} AS active
        FROM (${ownedWorkloads(table, columns)}) t
       WHERE ${uses.exists} AND ('${kind}', id::text) NOT IN (SELECT * FROM unnest($3::text[], $4::text[]))`;
}

async function quotaUses(
  sql: Connection,
  {
    payerIds,
    workspaceIds,
    clients,
  }: { payerIds: readonly number[]; workspaceIds: readonly number[]; clients: readonly WorkloadName[] },
): Promise<{ payers: Map<number, Quota>; workspaces: Map<number, Quota> }> {
  // Postgres would plan it anew each time, which takes four times as long as answering it: it believes that few owners
  // ask for another way than many do.
  const [, { rows }] = await Promise.all([
    sql.query("SET LOCAL plan_cache_mode = force_generic_plan", []),
    sql.query<Quota & { owner: "payer" | "workspace"; owner_id: number }>(USES, [
      payerIds,
      workspaceIds,
      clients.map(({ kind }) => kind),
      clients.map(({ id }) => id),
    ]),
    sql.query("SET LOCAL plan_cache_mode = auto", []),
  ]);
  const usesOf = (owner: "payer" | "workspace") =>
    new Map(
      rows.filter((row) => row.owner === owner).map(({ owner: _owner, owner_id, ...use }) => [owner_id, use]),
    );
  return { payers: usesOf("payer"), workspaces: usesOf("workspace") };
}
