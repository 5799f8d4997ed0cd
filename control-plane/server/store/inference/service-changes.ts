/** What changes of a service that is there: its name and description, how it scales, how it is checked and how it is shown. */
import type { ExposureConfig } from "../../core/inference/exposure.ts";
import { type AutoscalingOrder, type HealthCheck, probeOf } from "../../core/inference/service-config.ts";
import type { Transaction } from "../database/database.ts";
import { SOUND_SIZES } from "../database/values/old-values.ts";
import { appendEvent } from "../events/events.ts";
import { raiseGenerations } from "../hosts/hosts.ts";
import { checkOf, type ServiceOrderRow } from "./service-orders.ts";
import { changeReplicaRequests } from "./replica-requests.ts";

/** Left out, a field stays as it is. */
export interface ServiceChange {
  name?: string | undefined;
  description?: string | null | undefined;
  min_replicas?: number | undefined;
  max_replicas?: number | undefined;
  autoscaling_enabled?: boolean | undefined;
  autoscaling_config?: AutoscalingOrder | null | undefined;
  autoscaling_dry_run?: boolean | undefined;
  health_check_path?: string | null | undefined;
  health_check_interval?: number | undefined;
  /** The part of its config that gateways go by; null: as by default. */
  config?: { [Key in keyof ExposureConfig]: ExposureConfig[Key] | null } | undefined;
}

interface Deed {
  actor: string;
  now: Date;
}

/** Bounds and checks hold from now on, for replicas that are there too. Answers the hosts whose desired sets changed. */
export async function changeService(
  sql: Transaction,
  service: ServiceOrderRow,
  { change, actor, now }: Deed & { change: ServiceChange },
): Promise<string[]> {
  const fields = Object.entries(change).filter(([, value]) => value !== undefined);
  if (fields.length === 0) return [];
  await changeReplicaRequests(sql, service.id, {
    min: change.min_replicas,
    max: change.max_replicas,
    is_enabled: change.autoscaling_enabled,
    config: change.autoscaling_config,
    is_dry_run: change.autoscaling_dry_run,
  });
  const after = { ...service, ...Object.fromEntries(fields), config: service.config };
  await sql.change(
    `UPDATE inference_services SET ${SOUND_SIZES}, name = $2, description = CASE WHEN $3 THEN $4 ELSE description END,
            health_check_path = $5, health_check_interval = $6,
            config = CASE WHEN $7::jsonb IS NULL THEN config ELSE jsonb_strip_nulls(coalesce(config, '{}') || $7) END
      WHERE id = $1`,
    [
      service.id,
      after.name,
      change.description !== undefined,
      change.description ?? null,
      after.health_check_path,
      after.health_check_interval,
      change.config === undefined ? null : JSON.stringify(change.config),
    ],
  );
  await appendEvent(sql, {
    at: now,
    kind: "changed",
    workloadKind: "inference",
    workloadId: service.id,
    customerId: service.customer_id,
    actor,
    new: fields.map(([name]) => name).join(", "),
  });
  const isRequestedAnew =
    change.health_check_path !== undefined || change.health_check_interval !== undefined;
  return isRequestedAnew ? await requestAnew(sql, service, checkOf(after)) : [];
}

/** Replicas that are there are asked in the new way, without being started anew. */
async function requestAnew(
  sql: Transaction,
  service: ServiceOrderRow,
  check: HealthCheck,
): Promise<string[]> {
  const { rows } = await sql.change<{ host_id: string }>(
    // Where it listens is its revision's, and stays as it is.
    `UPDATE placements p SET live = p.live || jsonb_build_object('probe', $2::jsonb || coalesce(
              jsonb_strip_nulls(jsonb_build_object('port', p.live #> '{probe,port}')), '{}'))
       FROM instances i WHERE i.workload_kind = 'inference' AND i.workload_id = $1 AND p.instance_id = i.id
        AND p.gone_at IS NULL AND p.want = 'running' RETURNING p.host_id`,
    [service.id, JSON.stringify(probeOf(service.config, check))],
  );
  const generations = await raiseGenerations(
    sql,
    rows.map(({ host_id: hostId }) => hostId),
  );
  return [...generations.keys()];
}
