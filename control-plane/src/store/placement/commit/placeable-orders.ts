/**
 * What can be placed: an environment or a training job that waits, as the placing transaction holds it. One form for
 * both, so that whoever checks and writes placements need not ask which it is.
 */
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance";
import { THOUSANDTHS } from "@remotegpu/shared/units";
import {
  environmentLive,
  environmentSpec,
  rankLive,
  rankSpec,
  type ResolvedMount,
} from "../../../core/workloads/desired-set.ts";
import { type OrderCircumstances, placementRequest } from "../../../core/orders/order.ts";
import type { PlacementRequest } from "../../../core/placement/fleet/fits-on.ts";
import type { GpuGrant } from "../../../core/placement/placement.ts";
import { gangRequest } from "../../../core/training/training-order.ts";
import type { Connection } from "../../database/database.ts";
import { checkedEnvironment, type CheckedOrder, checkedJob } from "../../orders/checks/checked-order.ts";
import { type EnvironmentRow, lockEnvironments } from "../../environments/environments.ts";
import { idOnHosts } from "../../workloads/id-on-hosts.ts";
import { type JobOrderRow, lockJobOrders } from "../../training/job-orders.ts";
import { nameKey, type WorkloadName } from "../../../core/workloads/workload-name.ts";

export type PlaceableOrder = { checked: CheckedOrder } & (
  | { kind: "environment"; row: EnvironmentRow }
  | { kind: "training"; row: JobOrderRow }
);

/** Those that wait, held to the end of the transaction: environments, then jobs, each in the order of their ids. */
export async function lockWaiting(
  sql: Connection,
  workloads: readonly WorkloadName[],
): Promise<Map<string, PlaceableOrder>> {
  const idsOf = (wanted: WorkloadName["kind"]) =>
    workloads.filter(({ kind }) => kind === wanted).map(({ id }) => id);
  const environments = await lockEnvironments(sql, idsOf("environment"));
  const jobs = await lockJobOrders(sql, idsOf("training"));
  const waiting = new Map<string, PlaceableOrder>();
  for (const row of environments.values())
    if (row.status === "queued")
      waiting.set(nameKey({ kind: "environment", id: row.id }), {
        kind: "environment",
        row,
        checked: checkedEnvironment(row),
      });
  for (const row of jobs.values())
    if (row.status === "queued" && row.confirmed_at !== null)
      waiting.set(nameKey({ kind: "training", id: row.id }), {
        kind: "training",
        row,
        checked: checkedJob(row),
      });
  return waiting;
}

export function requestOf(order: PlaceableOrder, known: OrderCircumstances): PlacementRequest {
  return order.kind === "environment" ? placementRequest(order.row, known) : gangRequest(order.row, known);
}

/** What the host of one instance is told. */
export function instanceSpec(
  order: PlaceableOrder,
  instance: { rank: number; gpus: GpuGrant[]; datasets: ResolvedMount[]; models: ResolvedMount[] },
): InstanceSpec {
  const { row } = order;
  const { rank, gpus, datasets, models } = instance;
  const container = {
    id: idOnHosts(row.id),
    workspaceId: networkNumber(row),
    image: row.image,
    cpuMilli: row.cpu * THOUSANDTHS,
    memoryBytes: row.memory,
    envVars: row.env_vars ?? {},
    datasets,
    models,
  };
  if (order.kind === "training")
    return rankSpec(
      { ...container, rank, command: order.row.command, outputPath: order.row.output_path ?? "" },
      gpus,
    );
  return environmentSpec(
    {
      ...container,
      command: order.row.config?.command ?? null,
      storageBytes: order.row.storage,
      tempStorageBytes: order.row.temp_storage,
      jupyter: order.row.jupyter_enabled,
      tensorboard: order.row.tensorboard_enabled,
    },
    gpus,
  );
}

export function instanceLive(order: PlaceableOrder, hosts: number): DesiredInstance["live"] {
  return order.kind === "environment" ? environmentLive() : rankLive({ hosts });
}

/** Without a workspace it gets a network of its customer's own: the leading 0 keeps that apart from any workspace's. */
function networkNumber({
  paying_workspace_id: workspaceId,
  customer_id: customerId,
}: EnvironmentRow | JobOrderRow): string {
  return workspaceId === null ? `0${customerId}` : String(workspaceId);
}
