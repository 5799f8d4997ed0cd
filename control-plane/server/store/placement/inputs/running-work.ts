/** What holds something of a host now, and until when it promised to: a queue's head is promised a place by this. */
import { MIB } from "@remotegpu/shared/values/units";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { GpuGrant } from "../../../core/placement/placement.ts";
import type { Connection } from "../../database/database.ts";
import { safeBigint } from "../../database/values/old-values.ts";
import { KINDS_IN_LOCK_ORDER, storeOf } from "../../workloads/kinds.ts";
import { rulesOf } from "../../../core/workloads/kinds.ts";
import type { StartName } from "../../../core/workloads/start.ts";

export interface RunningInstance {
  instanceId: string;
  start: StartName;
  hostId: string;
  cpuMilli: number;
  /** Rounded up, as it was ordered. */
  memoryMib: number;
  tempStorageMib: number;
  /** The payer of its run; null where it has none. */
  payerId: number | null;
  gpus: GpuGrant[];
  /** Milliseconds since 1970; null where it may run for as long as it likes. May be past: then it ends any moment. */
  endsAtMs: number | null;
}

interface HeldPlacement {
  instance_id: string;
  kind: WorkloadKind;
  workload_id: string;
  rank: number;
  host_id: string;
  cpu_milli: number;
  memory_bytes: number;
  temp_storage_bytes: number;
  payer_id: number | null;
  ends_at_ms: number | null;
}

/** What may end by a limit of its own. */
const LIMITED = KINDS_IN_LOCK_ORDER.filter((kind) => storeOf(kind).limitSeconds !== null)
  .map((kind) => {
    const { table, limitSeconds } = storeOf(kind);
    return `SELECT '${kind}' AS kind, o.id, ${limitSeconds} AS limit_seconds FROM ${table} o`;
  })
  .join(" UNION ALL ");

/** A limit counts from the first proven moment, until then from the order. A gang ends when the last of its ranks does. */
const ENDS_AT_MS = `max(floor(extract(epoch FROM coalesce(r.first_proven_at, r.ordered_at, p.created_at)) * 1000)::bigint
    + 1000 * j.limit_seconds) OVER (PARTITION BY i.workload_kind, i.workload_id)`;

/** All of it, in the order of the instances' ids. */
export async function runningWork(sql: Connection): Promise<RunningInstance[]> {
  return await readWork(sql, "LEFT JOIN");
}

/** Only what has promised an end, which alone a queue's head can be promised a place by. Of a large fleet it is little. */
export async function endingWork(sql: Connection): Promise<RunningInstance[]> {
  const work = await readWork(sql, "JOIN");
  return work.filter(({ endsAtMs }) => endsAtMs !== null);
}

/** @param limited how workloads of kinds that may have limits are joined */
async function readWork(sql: Connection, limited: "LEFT JOIN" | "JOIN"): Promise<RunningInstance[]> {
  const placements = await sql.query<HeldPlacement>(
    `SELECT p.instance_id, i.workload_kind AS kind, i.workload_id, i.rank, p.host_id, p.cpu_milli,
            ${safeBigint("p.memory_bytes")} AS memory_bytes,
            ${safeBigint("coalesce(p.temp_storage_bytes, 0)")} AS temp_storage_bytes, r.customer_id AS payer_id,
            ${ENDS_AT_MS} AS ends_at_ms
       FROM placements p JOIN instances i ON i.id = p.instance_id LEFT JOIN runs r ON r.id = p.run_id
       ${limited} (${LIMITED}) j ON j.kind = i.workload_kind AND j.id = i.workload_id
      WHERE p.resources_released_at IS NULL ORDER BY p.instance_id`,
    [],
  );
  const grants = await grantsByInstance(
    sql,
    placements.rows.map(({ instance_id }) => instance_id),
  );
  return placements.rows.map((row) => ({
    instanceId: row.instance_id,
    start: { kind: row.kind, id: row.workload_id, firstRank: rulesOf(row.kind).firstRank(row.rank) },
    hostId: row.host_id,
    cpuMilli: row.cpu_milli,
    memoryMib: Math.ceil(row.memory_bytes / MIB),
    tempStorageMib: Math.ceil(row.temp_storage_bytes / MIB),
    payerId: row.payer_id,
    gpus: grants.get(row.instance_id) ?? [],
    endsAtMs: row.ends_at_ms,
  }));
}

/** An instance has one placement that holds something, so its id says enough. */
async function grantsByInstance(
  sql: Connection,
  instanceIds: readonly string[],
): Promise<Map<string, GpuGrant[]>> {
  if (instanceIds.length === 0) return new Map();
  const { rows } = await sql.query<{
    instance_id: string;
    uuid: string;
    memory_mib: number | null;
    share: number;
  }>(
    `SELECT instance_id, gpu_uuid AS uuid, CASE mode WHEN 'shared' THEN memory_mib END AS memory_mib,
            coalesce(share_thousandths, 1000) AS share
       FROM gpu_allocations WHERE released_at IS NULL AND instance_id = ANY($1::text[]) ORDER BY id`,
    [instanceIds],
  );
  const grants = new Map<string, GpuGrant[]>();
  for (const { instance_id, uuid, memory_mib: memoryMib, share } of rows) {
    const grant = { uuid, memoryMib, shareThousandths: share };
    const known = grants.get(instance_id);
    if (known === undefined) grants.set(instance_id, [grant]);
    else known.push(grant);
  }
  return grants;
}
