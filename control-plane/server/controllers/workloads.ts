/**
 * One pass over workloads whose status follows from what their hosts report: the reports of all instances are read anew
 * and laid before the rules of the kind, so that a report which came twice, late or never changes nothing. Environments
 * are moved with each report as well (store/reports/placement-reports.ts), which is only faster.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import type { Database } from "../store/database/database.ts";
import { transaction } from "../store/database/transaction.ts";
import { assertTerm, LeadershipLostError } from "../store/database/leader.ts";
import { type PlacedReport, reportsOf, settleWorkload } from "../store/reports/workload-reports.ts";
import { type DerivedWorkload, derivedWorkloads } from "../store/workloads/derived.ts";
import { storeOf } from "../store/workloads/kinds.ts";
import { rulesOf } from "../core/workloads/kinds.ts";
import { nameKey } from "../core/workloads/workload-name.ts";
import { inEnglish } from "../core/reasons/english/english.ts";

/** A pass takes this many; the next one goes on behind them. */
const MAX_CHECKED = 2_000;

export interface WorkloadsDeps {
  db: Database;
  nudge: (host: HostId) => void;
  log: Log;
}

interface Pass {
  term: number;
  now: Date;
}

/**
 * True where a status has changed: whoever waits may get what came free.
 * @throws LeadershipLostError when another replica leads by now; StoreError when nothing can be read
 */
export async function workloadsPass(deps: WorkloadsDeps, pass: Pass): Promise<boolean> {
  let after: DerivedWorkload | null = null;
  let hasChanged = false;
  do {
    const found: DerivedWorkload[] = await derivedWorkloads(deps.db, { after, limit: MAX_CHECKED });
    const reports = await reportsOf(deps.db, found, pass.now);
    for (const workload of found) {
      const seen = { workload, reports: reports.get(nameKey(workload)) ?? [] };
      hasChanged = (await settle(deps, pass, seen)) || hasChanged;
    }
    after = found.length < MAX_CHECKED ? null : (found.at(-1) ?? null);
  } while (after !== null);
  return hasChanged;
}

interface Seen {
  workload: DerivedWorkload;
  /** As they stood when its page was read. */
  reports: readonly PlacedReport[];
}

/** What fails for one is logged and left for the next pass; the others go on. */
async function settle(
  { db, nudge, log }: WorkloadsDeps,
  pass: Pass,
  { workload: found, reports }: Seen,
): Promise<boolean> {
  const { kind, id } = found;
  try {
    // Most have nothing new: that is seen without a lock.
    const seen = rulesOf(kind).afterReports(found.status, reports);
    if (seen.kind === "stays") return false;
    if (seen.kind === "explains" && (seen.reason && inEnglish(seen.reason)) === found.reason) return false;
    const hostIds = await transaction(db, async (sql) => {
      await assertTerm(sql, pass.term);
      const workload = await storeOf(kind).lock(sql, id);
      if (workload === null) return null;
      const anew = (await reportsOf(sql, [found], pass.now)).get(nameKey(found)) ?? [];
      const { now } = pass;
      return await settleWorkload(sql, { kind, workload, reports: anew, actor: "control-plane", now });
    });
    for (const hostId of hostIds ?? []) nudge(hostId as HostId);
    return seen.kind !== "explains";
  } catch (error) {
    if (error instanceof LeadershipLostError) throw error;
    log.error({ error, kind, id }, "what became of a workload was not written down");
    return false;
  }
}
