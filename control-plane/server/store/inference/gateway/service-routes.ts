/** Where gateways send the requests of services: to the replicas that serve, as their hosts told it last. */
import assert from "node:assert/strict";
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import { type ExposureConfig, exposureOf } from "../../../core/inference/exposure.ts";
import type { ServiceRoute, Sleep } from "../../../core/gateway/services/service-route.ts";
import type { Connection } from "../../database/database.ts";
import { servesNow } from "../../gateway/gateways.ts";
import { storedReason, type StoredReason, storedReasonColumn } from "../../database/values/reason-columns.ts";
import { knownStatus } from "../../database/values/old-values.ts";
import { SCALES_BY_ITSELF } from "../replica-requests.ts";

export interface RoutesRead {
  /** By the database's clock: whatever was committed before is in it. */
  asOf: Date;
  routes: ServiceRoute[];
}

interface Row {
  as_of: Date;
  gateways: number;
  /** Null in the one row that stands where there is no service. */
  id: string | null;
  name: string;
  status: InferenceServiceStatus;
  status_reason: StoredReason;
  config: ExposureConfig | null;
  sleep: Sleep;
  replicas: { instance_id: InstanceId; host_id: HostId; port: number; revision: number }[];
}

const SLEEP = `CASE WHEN NOT (${SCALES_BY_ITSELF} AND s.min_replicas = 0) THEN 'never'
                  WHEN s.replicas = 0 THEN 'asleep' ELSE 'awake' END`;

/** Those of these ids that are there. */
export async function serviceRoutes(sql: Connection, ids: readonly string[], now: Date): Promise<RoutesRead> {
  // The beginning of a transaction is before what its statements see; that of a statement need not be.
  const { rows } = await sql.query<Row>(
    `SELECT read.as_of, (SELECT count(*)::int FROM gateways g WHERE ${servesNow("$2")}) AS gateways, s.id, s.name, ${knownStatus("inference", "s")} AS status, ${storedReasonColumn("s", "status_reason")} AS status_reason, s.config, ${SLEEP} AS sleep,
            coalesce((SELECT jsonb_agg(jsonb_build_object('instance_id', i.id, 'host_id', p.host_id,
                                                          'port', p.live #> '{probe,port}',
                                                          'revision', i.revision) ORDER BY i.rank)
                        FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
                       WHERE i.workload_kind = 'inference' AND i.workload_id = s.id AND i.dismissed_at IS NULL
                         AND i.draining_since IS NULL
                         AND p.want = 'running' AND p.state = 'ready' AND p.serving = 'yes'
                         AND p.live #> '{probe,port}' IS NOT NULL), '[]') AS replicas
       FROM (VALUES (transaction_timestamp())) AS read (as_of)
       LEFT JOIN inference_services s ON s.id = ANY($1::text[]) AND s.deleted_at IS NULL`,
    [ids, now],
  );
  const [first] = rows;
  assert(first !== undefined, "a moment without a row");
  return { asOf: first.as_of, routes: rows.flatMap((row) => (row.id === null ? [] : routeOf(row, row.id))) };
}

function routeOf(
  { gateways, name, status, status_reason, config, sleep, replicas }: Row,
  id: string,
): ServiceRoute {
  return {
    id,
    name,
    status,
    statusReason: status_reason.text === "" ? null : storedReason(status_reason),
    ...exposureOf(config),
    gateways,
    sleep,
    replicas: replicas.map(({ instance_id, host_id, port, revision }) => ({
      instanceId: instance_id,
      hostId: host_id,
      port,
      revision,
    })),
  };
}
