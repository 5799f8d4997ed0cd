/**
 * Which way a gateway goes to a host, by what it has found out: directly where the host answers, through the tunnel that
 * the host has dialled where it does not, and none. One look that failed is not the end of the direct way, and one that
 * went well not the end of the reversed one, since each change gives the host a new desired set. Pure.
 */
import type { Reason } from "../reasons/reason.ts";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";

export const ROUTES = ["direct", "reversed", "none"] as const;
export type Route = (typeof ROUTES)[number];

/** So often in a row a host that answered has to be silent. */
const LOSSES = 2;
/** For so long a host that dials in has to answer, before it need not any more. */
export const ANSWERS_FOR_MS = 10 * MS_PER_MINUTE;
/** Between looks at one that answers. */
export const PROBE_AGAIN_MS = MS_PER_MINUTE;
const FIRST_AGAIN_MS = 2 * MS_PER_SECOND;
const LONGEST_AGAIN_MS = 5 * MS_PER_MINUTE;

export interface RouteProbes {
  /** Since when each look found it; null: the last one did not. */
  answersSinceMs: number | null;
  /** In a row. */
  losses: number;
  /** Why the last look found nothing; null where it did. */
  reason: Reason | null;
  dueMs: number;
}

export const NO_PROBES: RouteProbes = { answersSinceMs: null, losses: 0, reason: null, dueMs: 0 };

export type ProbeResult = { answers: true } | { answers: false; reason: Reason };

/** @param chance in [0, 1), so that hosts are not looked at all at once */
export function afterProbe(
  before: RouteProbes,
  probe: ProbeResult,
  { nowMs, chance }: { nowMs: number; chance: number },
): RouteProbes {
  if (probe.answers) {
    const answersSinceMs = before.answersSinceMs ?? nowMs;
    return { answersSinceMs, losses: 0, reason: null, dueMs: nowMs + spread(PROBE_AGAIN_MS, chance) };
  }
  const losses = before.losses + 1;
  const againMs = Math.min(FIRST_AGAIN_MS * 2 ** Math.min(losses - 1, 16), LONGEST_AGAIN_MS);
  return { answersSinceMs: null, losses, reason: probe.reason, dueMs: nowMs + spread(againMs, chance) };
}

/**
 * @param now the way that it goes; null: none was found out yet
 * @param hasDialled the host's own tunnel to this gateway stands
 * @returns null as long as nobody has looked
 */
export function routeTo(
  now: Route | null,
  probes: RouteProbes,
  { hasDialled, nowMs }: { hasDialled: boolean; nowMs: number },
): { route: Route; detail: Reason | null } | null {
  const { answersSinceMs, losses, reason } = probes;
  if (answersSinceMs !== null) {
    const isProven = now !== "reversed" || nowMs - answersSinceMs >= ANSWERS_FOR_MS;
    if (isProven || !hasDialled) return { route: "direct", detail: null };
    return { route: "reversed", detail: null };
  }
  if (losses === 0) return hasDialled ? { route: "reversed", detail: null } : null;
  if (now === "direct" && losses < LOSSES) return { route: "direct", detail: null };
  if (hasDialled) return { route: "reversed", detail: reason };
  return { route: "none", detail: reason };
}

/** Half of it stands, chance adds the rest. */
function spread(ms: number, chance: number): number {
  return Math.round(ms / 2 + (ms / 2) * chance);
}
