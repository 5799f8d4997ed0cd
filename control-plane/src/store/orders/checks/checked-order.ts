/** Orders of every kind, as the checks read them. */
import type { EnvironmentResources } from "../../../core/orders/order.ts";
import { DATASET_PATHS, MODEL_PATHS, type Mount, withPaths } from "../../../core/orders/order-check.ts";
import { rankResources } from "../../../core/training/training-order.ts";
import type { JobOrderRow } from "../../training/job-orders.ts";

/** What the checks read of an environment or a training job, ordered or still to be. Sizes are each instance's. */
export interface CheckedOrder extends EnvironmentResources {
  kind: "environment" | "training";
  /** Null before it exists. */
  id: string | null;
  instances: number;
  customer_id: number;
  workspace_id: number | null;
  payer_id: number;
  mounted_datasets: Mount[] | null;
  mounted_models: Mount[] | null;
  image: string;
}

/** An environment's row as the checks read it. */
export function checkedEnvironment<Row extends Omit<CheckedOrder, "kind" | "instances">>(
  row: Row,
): Row & CheckedOrder {
  return { ...row, kind: "environment", instances: 1 };
}

/** As the checks of an order read it. */
export function checkedJob(job: JobOrderRow): CheckedOrder {
  return {
    ...rankResources(job),
    kind: "training",
    id: job.id,
    instances: job.node_count,
    customer_id: job.customer_id,
    workspace_id: job.workspace_id,
    payer_id: job.payer_id,
    mounted_datasets: mountsAt(job.mounted_datasets, DATASET_PATHS),
    mounted_models: mountsAt(job.mounted_models, MODEL_PATHS),
    image: job.image,
  };
}

/** A job names what it mounts by ids alone, in the order of the paths. */
function mountsAt(ids: readonly number[] | null, family: readonly string[]) {
  return withPaths(
    (ids ?? []).filter((id) => id !== 0).map((id) => ({ id })),
    family,
  );
}
