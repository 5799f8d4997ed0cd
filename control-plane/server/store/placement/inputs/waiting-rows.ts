/** What waits, of all kinds in one form: what each start asks, who pays, and since when it waits. */
import type { RankCode } from "../../../core/instances/desired-set.ts";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import {
  type Order,
  type OrderConfig,
  type OrderFields,
  resourcesOf,
  type Urgency,
} from "../../../core/orders/order.ts";
import type { WorkloadStatus } from "../../../core/workloads/kinds.ts";
import { distributedConfigOf, type JobConfig } from "../../../core/training/job-config.ts";
import { rulesOf } from "../../../core/workloads/kinds.ts";
import type { StartName } from "../../../core/workloads/start.ts";
import { mayStart, type OverdueStatus } from "../../../core/accounts/account-state.ts";
import { LIVE } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";
import { inSlices } from "../../database/in-slices.ts";
import { safeBigint } from "../../database/values/old-values.ts";
import type { KindStore } from "../../workloads/kind-store.ts";
import { KINDS_IN_LOCK_ORDER, storeOf } from "../../workloads/kinds.ts";
import { resourceColumns } from "./order-columns.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

/** The bound of each kind. More than ever waited anywhere; beyond it the youngest are tried later. */
const MAX_WAITING = 200_000;

/** What of a start's config decides about its place; of jobs also what only some agents can do. */
type WaitingConfig = OrderConfig & Pick<JobConfig, "stop_grace_seconds">;
const CONFIG_KEYS: readonly (keyof WaitingConfig)[] = [
  "spec",
  "gpu_sharing",
  "gpu_model",
  "max_price_per_hour",
  "host_labels",
  "distinct_hosts",
  "stop_grace_seconds",
];

/** Its mounts are no matter of the queue: the commit looks at them. */
export interface WaitingStart {
  start: StartName;
  order: Omit<Order, "datasets" | "models">;
  urgency: Urgency;
  /** The weight of its workspace, and of its payer. */
  shareWeight: number;
  payerWeight: number;
  /** Why its payer's account lets nothing start, whatever it costs; null where it does. */
  withoutFunds: Reason | null;
}

interface WaitingRow extends Omit<OrderFields, "config"> {
  id: string;
  first_rank: number;
  instances: number;
  attempt: number;
  code: RankCode["kind"] | null;
  distributed: Record<string, unknown> | null;
  image: string;
  storage_pool: string | null;
  customer_id: number;
  /** Only one that is there: the workload shares and pays by it. */
  workspace_id: number | null;
  payer_id: number;
  share_weight: number;
  payer_weight: number;
  account_status: OverdueStatus;
  priority: number;
  is_urgent: boolean;
  /** When this start was ordered. */
  ordered_at: Date;
  limit_seconds: number | null;
  config: WaitingConfig;
}

/**
 * The starts of each kind: first those that an administrator called urgent, and then the longest waiting: nobody's
 * priority cuts others off.
 */
export async function waitingStarts(sql: Connection): Promise<WaitingStart[]> {
  const waiting = await Promise.all(
    KINDS_IN_LOCK_ORDER.map(async (kind) => {
      const { rows } = await sql.query<WaitingRow>(waitingSql(kind, storeOf(kind)), [MAX_WAITING]);
      return await inSlices(rows, (row) => waitingStart(kind, row));
    }),
  );
  return waiting.flat();
}

/** Rows of the old system may not say when they were made: nothing has waited longer. */
function waitingSql(kind: WorkloadKind, store: KindStore<WorkloadStatus>): string {
  const { waitingStarts: starts, orderOfStart, startColumns, limitSeconds } = store;
  return `SELECT s.id, s.first_rank, s.instances, ${startColumns}, o.image,
            ${safeBigint("o.customer_id")} AS customer_id, w.id AS workspace_id,
            ${safeBigint("coalesce(w.owner_id, o.customer_id)")} AS payer_id,
            coalesce(w.share_weight, 1) AS share_weight, coalesce(c.share_weight, 1) AS payer_weight,
            coalesce(c.overdue_status, 'normal') AS account_status,
            u.workload_id IS NOT NULL AS is_urgent,
            coalesce(o.queued_at, o.created_at, 'epoch') AS ordered_at, ${limitSeconds ?? "NULL::bigint"} AS limit_seconds,
            ${resourceColumns(kind, "o", CONFIG_KEYS)}
       FROM (${starts}) s JOIN ${orderOfStart}
       LEFT JOIN workspaces w ON w.id = o.workspace_id AND ${LIVE}
       LEFT JOIN customers c ON c.id = coalesce(w.owner_id, o.customer_id)
       LEFT JOIN urgent_workloads u ON u.workload_kind = '${kind}' AND u.workload_id = s.id
      ORDER BY is_urgent DESC, ordered_at, s.id, s.first_rank LIMIT $1`;
}

function waitingStart(kind: WorkloadKind, row: WaitingRow): WaitingStart {
  return {
    start: { kind, id: row.id, firstRank: row.first_rank },
    order: {
      ...resourcesOf({ ...row, node_count: row.instances }),
      kind,
      id: row.id,
      image: row.image,
      customerId: row.customer_id,
      workspaceId: row.workspace_id,
      payerId: row.payer_id,
      hostLabels: row.config.host_labels ?? {},
      storagePool: row.storage_pool,
      distinctHosts: row.config.distinct_hosts ?? false,
      needs: rulesOf(kind).startNeeds({
        ...row,
        ranks: row.instances,
        distributed: distributedConfigOf(row.distributed),
      }),
    },
    urgency: {
      priority: row.priority,
      isUrgent: row.is_urgent,
      orderedAt: row.ordered_at,
      limitSeconds: row.limit_seconds,
    },
    shareWeight: row.share_weight,
    payerWeight: row.payer_weight,
    withoutFunds: fundsObstacle(row),
  };
}

/** As the start rule says it; whether the money lasts for what it costs is asked at the commit. */
function fundsObstacle({ account_status: status }: WaitingRow): Reason | null {
  const decision = mayStart({
    status,
    balance: 1n,
    creditLimit: 0n,
    minStartMinutes: 0,
    hourlyOfAllRunningAndPlacing: 0n,
  });
  return decision.allowed ? null : decision.detail;
}
