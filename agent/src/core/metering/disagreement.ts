/**
 * Where the container runtime and the kernel say different things of a run. The kernel is believed, what lives goes on
 * costing, and what lasts longer than a start or an end takes is told to people.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { RunId } from "@remotegpu/shared/values/ids";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { ContainerState } from "../container/container.ts";

export type Disagreement = {
  /**
   * `left-behind`: the runtime says that it ended or knows it no more, and processes of it live (left-behind.ts).
   * `moved`: the process that the runtime names lives, and its control group lists none. `nothing-there`: the runtime
   * calls it running, and nothing of it lives.
   */
  kind: "left-behind" | "moved" | "nothing-there";
  /** On the host's monotonic clock. */
  sinceMs: number;
};

const LASTS_AFTER_MS = 30 * MS_PER_SECOND;

const REASONS = {
  "left-behind": "container-left-behind",
  moved: "container-outside-its-group",
  "nothing-there": "container-without-process",
} as const satisfies Record<Disagreement["kind"], string>;

/** @param hasProcess whether the process that the runtime names, or that was metered last, is alive */
export function disagreement({
  status,
  alive,
  hasProcess,
}: {
  status: ContainerState | null;
  alive: readonly number[];
  hasProcess: boolean;
}): Disagreement["kind"] | null {
  if (status?.state === "left-behind") return "left-behind";
  if (status?.state !== "running" || alive.length > 0) return null;
  return hasProcess ? "moved" : "nothing-there";
}

/** With the moment since when it has been so. @param kind as it is now @param before as it was at the last look */
export function disagreementSince(
  kind: Disagreement["kind"] | null,
  before: Disagreement | undefined,
  nowMs: number,
): Disagreement | null {
  if (kind === null) return null;
  return before?.kind === kind ? before : { kind, sinceMs: nowMs };
}

/**
 * All of it has ended, and the runtime will soon say when: it calls it running yet, or is only late with its answer, as
 * while it ends many at once.
 * @param answer what it says at this look; `late`: nothing, and it was up until now
 */
export function isEndUntold(answer: Disagreement | "late" | null, nowMs: number): boolean {
  if (answer === "late") return true;
  return answer?.kind === "nothing-there" && !isLasting(answer, nowMs);
}

function isLasting({ sinceMs }: Disagreement, nowMs: number): boolean {
  return nowMs - sinceMs >= LASTS_AFTER_MS;
}

/** Each with the reason for people. */
export function lastingDisagreements(
  disagreements: ReadonlyMap<RunId, Disagreement>,
  nowMs: number,
): Map<RunId, HostReason> {
  const lasting = [...disagreements].filter(([, disagreement]) => isLasting(disagreement, nowMs));
  return new Map(lasting.map(([runId, { kind }]) => [runId, { code: REASONS[kind], params: {} }]));
}
