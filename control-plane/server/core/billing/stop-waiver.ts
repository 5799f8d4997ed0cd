/**
 * From which moment on a stop makes a run's time free. What the customer's own program uses after an order to end it is
 * charged for as long as the order itself allowed; what a host takes beyond that, and all that a fault of ours or of a
 * host left running, is not.
 */
import type { STOP_ACTORS } from "@remotegpu/shared/instance/instance";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";

type StopActor = (typeof STOP_ACTORS)[number];

/**
 * Why it stops, beside who ordered it. `own`: by the will of its people, or a rule of its order or of its service. `host`:
 * its host is emptied, silent or lost, or it is placed anew.
 */
export type StopCause = "own" | "host";

/** The name under which a run, a bill's proof and the lists of the books say which of the rules below held. */
export const STOP_RULES = ["stop-by-person", "stop-by-rule", "suspension", "host-stop"] as const;
type StopRule = (typeof STOP_RULES)[number];

/** What is said in place of it of a run whose reason was written before rules had names. */
export const BEFORE_RULES = "before-rules";

const RULES: Record<StopActor, Record<StopCause, StopRule>> = {
  customer: { own: "stop-by-person", host: "stop-by-person" },
  // Who empties a host is an administrator: what is stopped at the drain's end is stopped by that person.
  admin: { own: "stop-by-person", host: "stop-by-person" },
  limit: { own: "stop-by-rule", host: "host-stop" },
  "control-plane": { own: "stop-by-rule", host: "host-stop" },
  account: { own: "suspension", host: "suspension" },
};

/** A host hears of an order within seconds; this much after a person's stop is charged whatever became of it. */
const AFTER_PERSONS_STOP_MS = MS_PER_MINUTE;

/** Of a suspended account the grace is no longer than this, whatever the order chose: none of it is charged. */
export const MAX_SUSPENSION_GRACE_SECONDS = 60;

export interface StopWaiver {
  readonly rule: StopRule;
  /** UTC milliseconds; time from here on is metered and not charged. */
  readonly fromMs: number;
}

/**
 * @param stop.orderedMs UTC milliseconds
 * @param stop.chosenGraceSeconds as the workload's order chose; null where it chose none, and then none is added
 */
export function stopWaiver(stop: {
  by: StopActor;
  cause: StopCause;
  orderedMs: number;
  chosenGraceSeconds: number | null;
}): StopWaiver {
  const rule = RULES[stop.by][stop.cause];
  return { rule, fromMs: stop.orderedMs + chargedMs(rule, (stop.chosenGraceSeconds ?? 0) * MS_PER_SECOND) };
}

/** What of the time after the order is still charged. */
function chargedMs(rule: StopRule, graceMs: number): number {
  switch (rule) {
    case "stop-by-person":
      return AFTER_PERSONS_STOP_MS + graceMs;
    case "stop-by-rule":
      return graceMs;
    case "suspension":
    case "host-stop":
      return 0;
  }
}
