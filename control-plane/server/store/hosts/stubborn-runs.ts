/**
 * Runs that are there against somebody's word: their host cannot end them, or its container runtime says that they ended.
 * Each is an alarm for as long as its host reports it so. What they hold stays held, since their host calls them over only
 * when nothing of them is left (placement-reports.ts); what they cost is decided as of any other run.
 */
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { isOver } from "../../core/instances/instance-report.ts";
import { keepAlarms } from "../events/alarms.ts";
import type { Connection, Transaction } from "../database/database.ts";
import type { Reason } from "../../core/reasons/reason.ts";

/** The bound of one host and kind. */
const MAX_LISTED = 20;

const KINDS = [
  { problem: "not-ending", kind: "run-not-ending", code: "run-cannot-end" },
  {
    problem: "runtime-disagrees",
    kind: "runtime-disagrees",
    code: "run-unknown-to-runtime",
  },
] as const;

/** @param observed the whole of the host's report; without any there is nothing left to warn of */
export async function noteStubbornRuns(
  sql: Transaction,
  { hostId, observed, now }: { hostId: string; observed: readonly ObservedInstance[]; now: Date },
): Promise<void> {
  const stubborn = observed.filter(
    (seen) => !isOver(seen.phase) && KINDS.some(({ problem }) => problem === seen.problem),
  );
  const named = await workloadNames(sql, stubborn);
  await Promise.all(
    KINDS.map(async ({ problem, kind, code }) => {
      const alarms = new Map(
        stubborn
          .filter((seen) => seen.problem === problem)
          .map(({ runId, instanceId, detail }) => {
            const what = named.get(instanceId) ?? `instance ${instanceId}`;
            const params = { host_id: hostId, run_id: runId, workload: what };
            return [`${hostId} ${runId}`, stubbornReason(code, params, detail)];
          }),
      );
      await keepAlarms(sql, { kind, prefix: `${hostId} `, alarms, most: MAX_LISTED, now });
    }),
  );
}

function stubbornReason(
  code: (typeof KINDS)[number]["code"],
  params: { host_id: string; run_id: string; workload: string },
  detail: string,
): Reason {
  const said = detail.trim();
  return said === "" ? { code, params } : { code: `${code}-because`, params: { ...params, detail: said } };
}

/** By instance. */
async function workloadNames(
  sql: Connection,
  instances: readonly ObservedInstance[],
): Promise<Map<string, string>> {
  if (instances.length === 0) return new Map();
  const { rows } = await sql.query<{ id: string; workload_kind: string; workload_id: string }>(
    "SELECT id, workload_kind, workload_id FROM instances WHERE id = ANY($1::text[])",
    [instances.map(({ instanceId }) => instanceId)],
  );
  return new Map(rows.map((row) => [row.id, `${row.workload_kind} ${row.workload_id}`]));
}
