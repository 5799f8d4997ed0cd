/** Rows of inference services: made with their first revision, and marked as deleted. */
import type { Reason } from "../../core/reasons/reason.ts";
import type { StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import { type StoredTemplate, templateConfig } from "../../core/inference/revision-template.ts";
import {
  type AutoscalingOrder,
  type ServiceConfig,
  serviceNeeds,
} from "../../core/inference/service-config.ts";
import { wantedReplicas } from "../../core/inference/wanted-replicas.ts";
import { type Order, resourcesOf } from "../../core/orders/order.ts";
import type { Transaction } from "../database/database.ts";
import { SOUND_SIZES } from "../database/values/old-values.ts";
import { reasonColumns } from "../database/values/reason-columns.ts";
import { appendEvent, STATUS_EVENT } from "../events/events.ts";
import { firstEndpoint } from "./endpoints.ts";
import { insertRevision } from "./revisions.ts";
import { modelMounts } from "./service-orders.ts";

export interface NewService {
  id: string;
  customerId: number;
  workspaceId: number;
  name: string;
  description: string | null;
  framework: string | null;
  image: string;
  version: string;
  /** Sizes are each replica's, in bytes. */
  cpu: number;
  memory: number;
  gpu: number;
  gpuMemory: number | null;
  modelId: number | null;
  modelVersion: string | null;
  minReplicas: number;
  maxReplicas: number;
  autoscalingEnabled: boolean;
  autoscalingConfig: AutoscalingOrder | null;
  autoscalingDryRun: boolean;
  healthCheckPath: string | null;
  /** Seconds. */
  healthCheckInterval: number;
  envVars: StoredEnvVars;
  config: ServiceConfig;
}

interface Deed {
  actor: string;
  now: Date;
  reason: Reason;
}

/** With so many replicas it begins. */
export function firstReplicas({ minReplicas: min, maxReplicas: max }: NewService): number {
  return wantedReplicas({ status: "creating", min, max, people: null, load: null });
}

/** As `creating`, with its revision 1. Call in the transaction that checks the order. */
export async function insertService(
  sql: Transaction,
  service: NewService,
  { actor, now, reason }: Deed,
): Promise<void> {
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `INSERT INTO inference_services (id, customer_id, workspace_id, name, description, framework, image, version, status,
            status_reason, cpu, memory, gpu, gpu_memory, model_id, model_version, min_replicas, max_replicas, replicas,
            autoscaling_enabled, autoscaling_config, autoscaling_dry_run, health_check_path, health_check_interval, env_vars,
            config, created_at, endpoint_url, serving_revision, status_reason_code, status_reason_params)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'creating', $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
             $23, $24, $25, $26, $27, 1, $28, $29)
     RETURNING id`,
    [
      service.id,
      service.customerId,
      service.workspaceId,
      service.name,
      service.description,
      service.framework,
      service.image,
      service.version,
      text,
      service.cpu,
      service.memory,
      service.gpu,
      service.gpuMemory,
      service.modelId,
      service.modelVersion,
      service.minReplicas,
      service.maxReplicas,
      firstReplicas(service),
      service.autoscalingEnabled,
      service.autoscalingConfig && JSON.stringify(service.autoscalingConfig),
      service.autoscalingDryRun,
      service.healthCheckPath,
      service.healthCheckInterval,
      JSON.stringify(service.envVars),
      JSON.stringify(service.config),
      now,
      await firstEndpoint(sql, service.id),
      code,
      params,
    ],
    { makes: "inference-service" },
  );
  await insertRevision(sql, service.id, { template: templateOf(service), actor, now });
  await appendEvent(sql, {
    at: now,
    kind: STATUS_EVENT,
    workloadKind: "inference",
    workloadId: service.id,
    customerId: service.customerId,
    actor,
    old: null,
    new: "creating",
    reason,
  });
}

function templateOf({ config, ...service }: NewService): StoredTemplate {
  const { version, image, envVars, cpu, memory, gpu, gpuMemory, modelId, modelVersion } = service;
  const sizes = { cpu, memory, gpu, gpuMemory };
  return { version, image, envVars, ...sizes, modelId, modelVersion, config: templateConfig(config) };
}

/** The order of one replica of a service that is not there yet. */
export function orderOfNewService(service: NewService, payerId: number): Order {
  const { cpu, memory, gpu, gpuMemory, config } = service;
  return {
    ...resourcesOf({ cpu, memory, gpu, gpu_memory: gpuMemory, config }),
    kind: "inference",
    id: null,
    image: service.image,
    customerId: service.customerId,
    workspaceId: service.workspaceId,
    payerId,
    hostLabels: config.host_labels ?? {},
    storagePool: null,
    distinctHosts: false,
    datasets: [],
    models: modelMounts(service.modelId),
    needs: serviceNeeds(config),
  };
}

/** Nobody sees it any more; what it used stays in the books. */
export async function markServiceDeleted(sql: Transaction, id: string, now: Date): Promise<void> {
  await sql.change(`UPDATE inference_services SET ${SOUND_SIZES}, deleted_at = $2 WHERE id = $1`, [id, now]);
}
