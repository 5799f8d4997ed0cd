/**
 * What payers and workspaces use of their quotas, and whether more fits. Asked with the payer's account locked, so
 * that two orders at once cannot both take the last of it.
 */
import { MIB } from "@remotegpu/shared/units";
import { describeExceeded, exceededQuota } from "../../core/quota.ts";
import type { Quota } from "../../core/quota-levels.ts";
import type { Connection } from "../database.ts";
import { LIVE } from "../accounts/workspaces.ts";
import { customerQuota, workspaceQuota } from "../accounts/quotas.ts";

export interface QuotaQuestion {
  payerId: number;
  workspaceId: number | null;
  asked: Quota;
  /** Not counted as used: it is the one that asks. */
  environmentId: string | null;
}

/** A sentence that names the quota, its limit and its use; null where the order fits. */
export async function quotaObstacle(sql: Connection, question: QuotaQuestion): Promise<string | null> {
  const limits = await customerQuota(sql, question.payerId);
  const exceeded = exceededQuota(limits, await quotaUse(sql, question, "payer"), question.asked);
  if (exceeded !== null) return describeExceeded(exceeded, "customer");
  if (question.workspaceId === null) return null;
  const workspaceLimits = await workspaceQuota(sql, question.workspaceId);
  if (workspaceLimits === null) return null;
  const beyond = exceededQuota(workspaceLimits, await quotaUse(sql, question, "workspace"), question.asked);
  return beyond === null ? null : describeExceeded(beyond, "workspace");
}

/**
 * CPU, memory and GPUs count while something runs or waits to; storage and the number count while it exists. What says
 * that it runs and has no instance comes from the old system and holds nothing.
 */
async function quotaUse(
  sql: Connection,
  { payerId, workspaceId, environmentId }: QuotaQuestion,
  of: "payer" | "workspace",
): Promise<Quota> {
  const { rows } = await sql.query<Quota>(
    `SELECT coalesce(sum(e.cpu) FILTER (WHERE active), 0)::bigint AS cpu_quota,
            coalesce(sum(ceil(e.memory / $4::numeric)) FILTER (WHERE active), 0)::bigint AS memory_quota,
            coalesce(sum(e.gpu) FILTER (WHERE active), 0)::bigint AS gpu_quota,
            least(coalesce(sum(e.storage), 0), ${Number.MAX_SAFE_INTEGER})::bigint AS storage_quota,
            count(*) AS environment_quota
       FROM (SELECT e.*, e.status = 'queued' OR e.status IN ('creating', 'running', 'restarting', 'stopping')
                      AND EXISTS (SELECT FROM instances i
                                   WHERE i.workload_kind = 'environment' AND i.workload_id = e.id) AS active
               FROM environments e LEFT JOIN workspaces w ON w.id = e.workspace_id AND ${LIVE}
              WHERE e.deleted_at IS NULL AND e.status IS DISTINCT FROM 'deleting' AND e.id IS DISTINCT FROM $3
                AND CASE WHEN $2::bigint IS NULL THEN coalesce(w.owner_id, e.customer_id) = $1
                         ELSE e.workspace_id = $2 END) e`,
    [payerId, of === "payer" ? null : workspaceId, environmentId, MIB],
  );
  return rows[0] as Quota;
}
