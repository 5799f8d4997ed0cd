/** By which rules time of a workload is not charged, on one line. */
import type { InstanceRun, WorkloadWaiver } from "../../client/generated/api.schemas.ts";

/** "loading: 3 runs, 1 of them now (6.6000 an hour); stop-by-person: 1 run"; null where all of it is charged, or unknown. */
export function waiversText({ waivers }: { waivers: readonly WorkloadWaiver[] | null }): string | null {
  const rules = waivers ?? [];
  if (rules.length === 0) return null;
  return rules
    .map(({ rule, runs, runs_now: now, rate_now: rate }) => {
      const of = `${rule}: ${runs} ${runs === 1 ? "run" : "runs"}`;
      return now === 0 ? of : `${of}, ${now} of them now (${rate} an hour)`;
    })
    .join("; ");
}

/** The minutes of one run that were metered and cost nothing, and by which rules; null where there are none. */
export function waivedText(run: InstanceRun): string | null {
  const waivedMs = run.waived_ms ?? 0;
  if (waivedMs === 0) return null;
  const rules = new Set((run.waived ?? []).map(({ reason }) => reason));
  const stop = freesTime(run) ? [`since ${run.waive_from} ${run.waive_reason}`] : [];
  const minutes = `${Math.floor(waivedMs / 60_000)} min`;
  const why = [...rules, ...stop].join("; ");
  return why === "" ? minutes : `${minutes}: ${why}`;
}

/** Every stopped run has a moment from which it is free, and most end before it. */
function freesTime({ waive_from: from, last_proven_at: last }: InstanceRun): boolean {
  return typeof from === "string" && typeof last === "string" && Date.parse(from) < Date.parse(last);
}
