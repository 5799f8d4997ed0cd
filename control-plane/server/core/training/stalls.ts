/**
 * Jobs that do nothing any more: every rank that is left has been idle for as long as the job says, which its people are
 * told once with what each rank waits for, and once more when it goes on. And containers that somebody holds still from
 * outside. Decides only.
 */
import type { WaitingProcesses } from "@remotegpu/shared/instance/progress";
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import { type InstanceReport, isOver, type Transition } from "../instances/instance-report.ts";

export const STANDARD_STALL_MINUTES = 15;

/** The groups of one rank; people read more of it with its instance. */
const MAX_LISTED_GROUPS = 6;
/** The ranks of one job; each rank's groups are with its instance. */
const MAX_LISTED_RANKS = 16;

/** @param others what is to be said beside it */
export function afterIdleness(
  reports: readonly InstanceReport[],
  others: readonly string[],
): Transition<TrainingJobStatus> | null {
  const left = reports.filter(({ state }) => !isOver(state));
  const isReported = left.some(({ progress }) => progress?.stall === "reported");
  const isIdle = left.length > 0 && left.every(({ progress }) => progress != null && progress.idle !== null);
  if (!isIdle) return isReported ? { kind: "goes-on", reason: others.join(" ") } : null;
  const reason = [stallSentence(left, reports.length), ...others].join(" ");
  return isReported
    ? { kind: "explains", reason }
    : { kind: "stalls", reason, found: `${reason} ${waitsOf(left, reports.length)}` };
}

/** Empty where none is. */
export function frozenSentence(reports: readonly InstanceReport[]): string {
  const frozen = reports.filter(({ state, progress }) => !isOver(state) && progress?.frozenForMs != null);
  if (frozen.length === 0) return "";
  const named = frozen.map(({ rank, progress }) => {
    const whose = reports.length === 1 ? "its container" : `rank ${rank}`;
    return `${whose} on host ${progress?.hostName} is frozen`;
  });
  const all = named.join("; ");
  return `${all.slice(0, 1).toUpperCase()}${all.slice(1)}: it was paused from outside, and nothing in it goes on.`;
}

/** It says no time: a sentence that changes with each look would be news each time. */
function stallSentence(left: readonly InstanceReport[], ranks: number): string {
  const who =
    ranks === 1 ? "It does" : left.length === ranks ? `All ${ranks} ranks do` : "All ranks that are left do";
  const lacks = ranks === 1 ? "no output, no traffic" : "no output, no traffic between them";
  return `${who} nothing any more: ${lacks}, and next to no work of processors and cards.`;
}

function waitsOf(left: readonly InstanceReport[], ranks: number): string {
  const visible = left.slice(0, MAX_LISTED_RANKS).map(({ rank, progress }) => {
    const waits = (progress?.idle ?? []).slice(0, MAX_LISTED_GROUPS).map(waitText).join(", ");
    const what = waits === "" ? "no process was seen" : waits;
    return ranks === 1 ? what : `rank ${rank}: ${what}`;
  });
  const more = left.length - visible.length;
  const rest = more > 0 ? `; and ${more} more ranks` : "";
  const all = visible.join("; ");
  return `${all.slice(0, 1).toUpperCase()}${all.slice(1)}${rest}.`;
}

function waitText({ name, state, waitsIn, count }: WaitingProcesses): string {
  const many = count === 1 ? name : `${count} ${name}`;
  return `${many} (${state}${waitsIn === null ? "" : ` in ${waitsIn}`})`;
}
