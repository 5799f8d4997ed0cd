/** Rows of what waits, of both kinds in one form: what each asks, who pays, and since when it waits. */
import type { EnvironmentResources } from "../../../core/orders/order.ts";
import type { TrainingConfig } from "../../../core/training/training-order.ts";
import { LIVE } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";
import { safeBigint, waitsForPlace } from "../../database/old-values.ts";
import { limitSeconds, resourceColumns } from "./order-columns.ts";

/** Of each kind. More than ever waited anywhere; beyond it the least urgent and youngest are looked at later. */
const MAX_WAITING = 200_000;

export interface WaitingRow extends EnvironmentResources {
  kind: "environment" | "training";
  id: string;
  image: string;
  storage_pool: string | null;
  customer_id: number;
  /** Only one that is there: the workload shares and pays by it. */
  workspace_id: number | null;
  payer_id: number;
  share_weight: number;
  priority: number;
  /** When this start was ordered. */
  ordered_at: Date;
  limit_seconds: number | null;
  node_count: number;
  config: TrainingConfig;
}

/** The most urgent first, and the longest waiting of those. */
export async function waitingRows(sql: Connection): Promise<WaitingRow[]> {
  const environments = await sql.query<WaitingRow>(
    `SELECT 'environment' AS kind, o.id, o.image, o.storage_pool, ${OWNER}, 0 AS priority, ${ORDERED_AT},
            NULL::bigint AS limit_seconds, 1 AS node_count,
            ${resourceColumns("environment", "o", ["spec", "gpu_sharing", "gpu_model", "max_price_per_hour", "host_labels"])}
       ${from("environment", "environments")}`,
    [MAX_WAITING],
  );
  const jobs = await sql.query<WaitingRow>(
    `SELECT 'training' AS kind, o.id, o.image, NULL AS storage_pool, ${OWNER}, coalesce(o.priority, 0) AS priority,
            ${ORDERED_AT}, ${limitSeconds("o")} AS limit_seconds, greatest(coalesce(o.node_count, 1), 1) AS node_count,
            ${resourceColumns("training", "o", ["spec", "gpu_sharing", "gpu_model", "max_price_per_hour", "host_labels", "distinct_hosts"])}
       ${from("training", "training_jobs")}`,
    [MAX_WAITING],
  );
  return [...environments.rows, ...jobs.rows];
}

const OWNER = `${safeBigint("o.customer_id")} AS customer_id, w.id AS workspace_id,
    ${safeBigint("coalesce(w.owner_id, o.customer_id)")} AS payer_id, coalesce(w.share_weight, 1) AS share_weight`;

/** Rows of the old system may not say when they were made: nothing has waited longer. */
const ORDERED_AT = "coalesce(o.queued_at, o.created_at, 'epoch') AS ordered_at";

function from(kind: WaitingRow["kind"], table: string): string {
  return `FROM ${table} o LEFT JOIN workspaces w ON w.id = o.workspace_id AND ${LIVE}
      WHERE ${waitsForPlace(kind, "o")} AND o.deleted_at IS NULL ORDER BY priority DESC, ordered_at, o.id LIMIT $1`;
}
