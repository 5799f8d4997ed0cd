/**
 * GPUs that their hosts closed under somebody's runs. One is a fault beneath the run, and credited; many within a day under
 * the runs of one payer may be what a program does to GPUs, so the operators get an alarm. The credit stays right either way.
 */
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { Transaction } from "../../database/database.ts";
import { raiseAlarmOnce } from "../../events/alarms.ts";

/** Runs of one payer within a day, whose GPUs were closed; then the operators look. */
const ALARM_AT_RUNS = 3;
/** Hosts on which one workload's GPUs were closed within a day; from then on its end there counts as its program's own. */
const SUSPECT_AT_HOSTS = 3;
const WITHIN_MS = MS_PER_DAY;
/** An alarm names so many GPUs and counts the rest. */
const MAX_NAMED = 5;

/** By these a GPU takes nothing new, though nothing is wrong with it that a program could have done: they count for nobody. */
const NO_PROGRAMS = ["container-refused", "mig-enabled", "not-attachable"];
const COUNTS = counts("code");

interface Closure {
  hostId: string;
  uuid: string;
  /** The stable name of the reason; null where its host reported none. */
  code: string | null;
  now: Date;
}

/** To be called while the runs still hold the GPU, in a transaction that holds the host's row. */
export async function noteGpuClosure(sql: Transaction, closure: Closure): Promise<void> {
  const { hostId, uuid, code, now } = closure;
  const { rows } = await sql.change<{ customer_id: number }>(
    `INSERT INTO gpu_closures (run_id, gpu_uuid, customer_id, workload_id, host_id, code, closed_at)
     SELECT r.id, a.gpu_uuid, r.customer_id, r.resource_id, p.host_id, $3, $4
       FROM gpu_allocations a JOIN placements p ON p.instance_id = a.instance_id AND p.epoch = a.epoch AND p.host_id = $2
       JOIN runs r ON r.id = p.run_id
      WHERE a.gpu_uuid = $1 AND a.released_at IS NULL ORDER BY r.id
     ON CONFLICT (run_id, gpu_uuid) DO UPDATE SET code = EXCLUDED.code, closed_at = EXCLUDED.closed_at
      WHERE NOT ${counts("gpu_closures.code")}
     RETURNING customer_id`,
    [uuid, hostId, code, now],
  );
  if (rows.length === 0) return;
  await sql.change("DELETE FROM gpu_closures WHERE closed_at <= $1", [dayBefore(now)]);
  for (const customerId of new Set(rows.map(({ customer_id: id }) => id)))
    await alarmOfMany(sql, { customerId, now });
}

async function alarmOfMany(
  sql: Transaction,
  { customerId, now }: { customerId: number; now: Date },
): Promise<void> {
  const { rows } = await sql.query<{
    run_id: string;
    gpu_uuid: string;
    host_id: string;
    code: string | null;
  }>(
    `SELECT run_id, gpu_uuid, host_id, code FROM gpu_closures WHERE customer_id = $1 AND closed_at > $2 AND ${COUNTS}
      ORDER BY closed_at DESC, run_id, gpu_uuid`,
    [customerId, dayBefore(now)],
  );
  const runs = new Set(rows.map(({ run_id: id }) => id)).size;
  if (runs < ALARM_AT_RUNS) return;
  const hosts = new Set(rows.map(({ host_id: id }) => id)).size;
  const named = rows
    .slice(0, MAX_NAMED)
    .map(({ gpu_uuid: uuid, code, run_id: runId }) => `${uuid} (${code ?? "no reason"}, run ${runId})`);
  const more = rows.length > MAX_NAMED ? ` and ${rows.length - MAX_NAMED} more` : "";
  await raiseAlarmOnce(sql, {
    kind: "gpus-closed-under-payer",
    subject: `customer ${customerId}`,
    reason: {
      code: "gpus-closed-under-payer",
      params: { runs, customer_id: customerId, hosts, closures: `${named.join(", ")}${more}` },
    },
    now,
  });
}

/**
 * SQL: a GPU was closed under the run of the placement `p`, which explains its end, unless GPUs of its workload were closed on
 * too many hosts within a day. A host that blames a GPU and does not close it is not believed: nothing would bound that.
 * @param workloadId SQL of the workload's id
 * @param now the parameter of the moment
 */
export function isExplainedByGpu(workloadId: string, now: string): string {
  return `(EXISTS (SELECT FROM gpu_closures c WHERE c.run_id = p.run_id)
    AND (SELECT count(DISTINCT host_id) FROM gpu_closures WHERE workload_id = ${workloadId} AND ${COUNTS}
          AND closed_at > ${now}::timestamptz - interval '${WITHIN_MS} milliseconds') < ${SUSPECT_AT_HOSTS})`;
}

/** SQL: whether a closure by that code counts. */
function counts(code: string): string {
  return `(${code} IS NULL OR ${code} NOT IN (${NO_PROGRAMS.map((name) => `'${name}'`).join(", ")}))`;
}

function dayBefore(now: Date): Date {
  return new Date(now.getTime() - WITHIN_MS);
}
