/**
 * Jobs that do nothing any more: every rank that is left has been idle for as long as the job says, which its people are
 * told once with what each rank waits for, and once more when it goes on. And containers that somebody holds still from
 * outside. Decides only.
 */
import type { WaitingProcesses } from "@remotegpu/shared/instance/progress";
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import { inSequence } from "../reasons/in-sequence.ts";
import type { Reason } from "../reasons/reason.ts";
import { type InstanceReport, isOver, type Transition } from "../instances/instance-report.ts";

export const STANDARD_STALL_MINUTES = 15;

/** The groups of one rank; people read more of it with its instance. */
const MAX_LISTED_GROUPS = 6;
/** The ranks of one job; each rank's groups are with its instance. */
const MAX_LISTED_RANKS = 16;

/** @param others what is to be said beside it; null for nothing */
export function afterIdleness(
  reports: readonly InstanceReport[],
  others: Reason | null,
): Transition<TrainingJobStatus> | null {
  const left = reports.filter(({ state }) => !isOver(state));
  const isReported = left.some(({ progress }) => progress?.stall === "reported");
  const isIdle = left.length > 0 && left.every(({ progress }) => progress != null && progress.idle !== null);
  if (!isIdle) return isReported ? { kind: "goes-on", reason: others } : null;
  const stall = stallReason(left, reports.length);
  const reason = inSequence(stall, others) ?? stall;
  return isReported
    ? { kind: "explains", reason }
    : { kind: "stalls", reason, found: withWaits(reason, left, reports.length) };
}

/** Null where none is. */
export function frozenReason(reports: readonly InstanceReport[]): Reason | null {
  const frozen = reports.flatMap(({ rank, state, progress }) =>
    isOver(state) || progress?.frozenForMs == null ? [] : [{ rank, host_name: progress.hostName }],
  );
  const [first] = frozen;
  if (first === undefined) return null;
  if (reports.length === 1) return { code: "container-frozen", params: { host_name: first.host_name } };
  const ranks = frozen.map((params): Reason => ({ code: "rank-frozen", params }));
  return { code: "ranks-frozen", params: { ranks } };
}

/** It says no time: a reason that changes with each scan would be news each time. */
function stallReason(left: readonly InstanceReport[], ranks: number): Reason {
  if (ranks === 1) return { code: "job-idle", params: {} };
  return left.length === ranks
    ? { code: "ranks-idle", params: { ranks } }
    : { code: "left-ranks-idle", params: {} };
}

function withWaits(why: Reason, left: readonly InstanceReport[], ranks: number): Reason {
  const visible = left.slice(0, MAX_LISTED_RANKS).map(({ rank, progress }): Reason => {
    const processes = (progress?.idle ?? []).slice(0, MAX_LISTED_GROUPS).map(waitOf);
    if (processes.length === 0) processes.push({ code: "no-process-seen", params: {} });
    return ranks === 1
      ? { code: "processes-wait", params: { processes } }
      : { code: "rank-waits", params: { rank, processes } };
  });
  const more = left.length - visible.length;
  const rest: Reason[] = more > 0 ? [{ code: "more-ranks-wait", params: { more } }] : [];
  return { code: "idle-with-waits", params: { why, waits: [...visible, ...rest] } };
}

function waitOf({ name, state, waitsIn, count }: WaitingProcesses): Reason {
  const params = { processes: count === 1 ? name : `${count} ${name}`, state };
  return waitsIn === null
    ? { code: "process-in-state", params }
    : { code: "process-in-call", params: { ...params, waits_in: waitsIn } };
}
