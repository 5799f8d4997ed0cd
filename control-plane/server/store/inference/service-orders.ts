/** Inference services as transactions hold them: with who pays, and read as the orders that their replicas are. */
import type { StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import {
  type AutoscalingOrder,
  type HealthCheck,
  type ServiceConfig,
  serviceNeeds,
} from "../../core/inference/service-config.ts";
import { templateConfig } from "../../core/inference/revision-template.ts";
import { scalesByItself } from "../../core/inference/wanted-replicas.ts";
import { type Order, resourcesOf } from "../../core/orders/order.ts";
import { type Mount, MODEL_PATHS, withPaths } from "../../core/orders/order-check.ts";
import { LIVE } from "../accounts/workspaces.ts";
import type { Transaction } from "../database/database.ts";
import { knownStatus, safeBigint } from "../database/values/old-values.ts";

export interface ServiceOrderRow {
  id: string;
  customer_id: number;
  workspace_id: number | null;
  payer_id: number;
  paying_workspace_id: number | null;
  orderer_id: number | null;
  name: string;
  image: string;
  status: InferenceServiceStatus;
  status_deadline_at: Date | null;
  min_replicas: number;
  max_replicas: number;
  /** As many as are wanted. */
  replicas: number;
  autoscaling_enabled: boolean;
  autoscaling_dry_run: boolean;
  autoscaling_config: AutoscalingOrder | null;
  health_check_path: string | null;
  health_check_interval: number;
  /** Ordered here: what came from the old system has none. */
  has_revisions: boolean;
  /** Sizes are each replica's. */
  cpu: number;
  memory: number;
  gpu: number;
  gpu_memory: number | null;
  model_id: number | null;
  env_vars: StoredEnvVars | null;
  config: ServiceConfig | null;
}

/** Held to the end of the transaction, in the order of their ids; after training jobs, before accounts and hosts. */
export async function lockServiceOrders(
  sql: Transaction,
  ids: readonly string[],
): Promise<Map<string, ServiceOrderRow>> {
  if (ids.length === 0) return new Map();
  await sql.query(
    "SELECT FROM inference_services WHERE id = ANY($1::text[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE",
    [ids],
  );
  const { rows } = await sql.query<ServiceOrderRow>(
    `SELECT s.id, ${safeBigint("s.customer_id")} AS customer_id, ${safeBigint("s.workspace_id")} AS workspace_id,
            ${safeBigint("coalesce(w.owner_id, s.customer_id)")} AS payer_id, w.id AS paying_workspace_id,
            (SELECT c.id FROM customers c WHERE c.id = s.customer_id) AS orderer_id, s.name, s.image,
            ${knownStatus("inference", "s")} AS status, s.status_deadline_at, coalesce(s.min_replicas, 1) AS min_replicas,
            coalesce(s.max_replicas, 10) AS max_replicas, coalesce(s.replicas, 0) AS replicas,
            coalesce(s.autoscaling_enabled, false) AS autoscaling_enabled, s.autoscaling_dry_run, s.autoscaling_config, s.health_check_path, coalesce(s.health_check_interval, 30) AS health_check_interval,
            EXISTS (SELECT FROM service_revisions v WHERE v.service_id = s.id) AS has_revisions, coalesce(s.cpu, 1) AS cpu,
            ${safeBigint("coalesce(s.memory, 1)")} AS memory, coalesce(s.gpu, 0) AS gpu,
            ${safeBigint("s.gpu_memory")} AS gpu_memory, ${safeBigint("s.model_id")} AS model_id, s.env_vars, s.config
       FROM inference_services s LEFT JOIN workspaces w ON w.id = s.workspace_id AND ${LIVE}
      WHERE s.id = ANY($1::text[]) AND s.deleted_at IS NULL`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** As a replica of that revision is ordered; how gateways show it stays the service's. */
export function atRevision(
  row: ServiceOrderRow,
  template: Pick<
    ServiceOrderRow,
    "image" | "env_vars" | "cpu" | "memory" | "gpu" | "gpu_memory" | "model_id" | "config"
  >,
): ServiceOrderRow {
  const { image, env_vars, cpu, memory, gpu, gpu_memory, model_id, config } = template;
  const sizes = { cpu, memory, gpu, gpu_memory };
  return { ...row, image, env_vars, ...sizes, model_id, config: templateConfig(config) };
}

/** Else its number is left to people. */
export function isScaledByItself(
  row: Pick<ServiceOrderRow, "autoscaling_enabled" | "autoscaling_config" | "autoscaling_dry_run">,
): boolean {
  return scalesByItself({
    isEnabled: row.autoscaling_enabled,
    isPaused: row.autoscaling_config?.paused === true,
    isDryRun: row.autoscaling_dry_run,
  });
}

export function checkOf(
  row: Pick<ServiceOrderRow, "health_check_path" | "health_check_interval">,
): HealthCheck {
  return { path: row.health_check_path, intervalSeconds: row.health_check_interval };
}

/** The order of one replica. */
export function orderOfReplica(row: ServiceOrderRow): Order {
  return {
    ...resourcesOf(row),
    kind: "inference",
    id: row.id,
    image: row.image,
    customerId: row.customer_id,
    workspaceId: row.workspace_id,
    payerId: row.payer_id,
    hostLabels: row.config?.host_labels ?? {},
    storagePool: null,
    distinctHosts: false,
    datasets: [],
    models: modelMounts(row.model_id),
    needs: serviceNeeds(row.config),
  };
}

/** The old system wrote 0 for none. */
export function modelMounts(modelId: number | null): Mount[] {
  return withPaths(modelId === null || modelId === 0 ? [] : [{ id: modelId }], MODEL_PATHS);
}
