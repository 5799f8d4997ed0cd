/**
 * How long a run may be starting or stopping before its host calls that overdue. The owner of both is reconcile.ts, in
 * whose every round what is not done yet is decided again; nothing is given up here, it is only not waited for in
 * silence. The count begins anew with the agent.
 */
import {
  inSequence,
  statementOf,
  worded,
  type Worded,
} from "@remotegpu/shared/reasons/host-reports/statement";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";

/** A pull may take an hour and wait for others; a stop has at most ten minutes of grace. */
export const DEADLINES_MS = { starting: 90 * MS_PER_MINUTE, stopping: 15 * MS_PER_MINUTE } as const;

export type RunTransition = { phase: keyof typeof DEADLINES_MS; sinceMs: number };

/** Since when each run has been in its transition; runs at rest are left out. */
export function transitionsAfter(
  before: ReadonlyMap<RunId, RunTransition>,
  instances: readonly ObservedInstance[],
  nowMs: number,
): Map<RunId, RunTransition> {
  const after = new Map<RunId, RunTransition>();
  for (const { runId, phase } of instances) {
    if (phase !== "starting" && phase !== "stopping") continue;
    const earlier = before.get(runId);
    after.set(runId, earlier?.phase === phase ? earlier : { phase, sinceMs: nowMs });
  }
  return after;
}

export function isOverdue({ phase, sinceMs }: RunTransition, nowMs: number): boolean {
  return nowMs - sinceMs >= DEADLINES_MS[phase];
}

/** With the sentence it stays within what a report may hold. */
const MAX_DETAIL = 1_900;

const OVERDUE = { starting: "run-start-overdue", stopping: "run-stop-overdue" } as const;

/** What an overdue run reports of itself; the reason stays the same, so that it is reported once. */
export function overdueText(
  { detail, reason }: Pick<ObservedInstance, "detail" | "reason">,
  { phase }: RunTransition,
): Worded {
  const before = detail.length > MAX_DETAIL ? detail.slice(0, MAX_DETAIL) : statementOf({ detail, reason });
  const minutes = DEADLINES_MS[phase] / MS_PER_MINUTE;
  return worded(inSequence(before, { code: OVERDUE[phase], params: { minutes } }));
}
