/**
 * What an instance does when its host is cut off from the control plane: as a rule it runs on. Where the payer's money
 * lasts less than a day nobody could stop it in time, so it is told beforehand when to end by itself: when a suspension
 * would have ended it, a little later. Knows what a payer has and burns, not where that stands or who is told.
 */
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { Points } from "@remotegpu/shared/values/money";
import { MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { OverdueStatus } from "../accounts/account-state.ts";

export type CutOffRule = Pick<DesiredInstance["live"], "onDisconnect" | "stopAfterSeconds">;

export interface Spending {
  readonly status: OverdueStatus;
  readonly overdueSinceMs: number | null;
  /** Balance and credit limit, less what is proven and not posted yet. */
  readonly funds: Points;
  /** What may have been used on hosts since they were last heard, and is not known yet. */
  readonly unheard: Points;
  /** Of everything that runs or is on its way: all of it uses up the same money. */
  readonly burnPerHour: Points;
}

/** Who has money for as long as this is never stopped by a mere loss of contact. */
export const NEAR_THE_END_HOURS = 24n;
/** How often the rules are looked at: contact may be lost just before. */
export const CUT_OFF_RULES_EVERY_MS = 5 * MS_PER_MINUTE;
/**
 * A rule counts down while the money does, and each change is a new generation of a host, so it goes in steps. Half an
 * hour is also the least: a short silence stops nothing. (A gang's own 900 s are none of these, and told apart by that.)
 */
const STEP_MS = 30 * MS_PER_MINUTE;
/** The last minutes before a full hour may arrive after it was charged: it is the next one that finds the money gone. */
const USAGE_ARRIVES_WITHIN_MS = 2 * MS_PER_MINUTE;
const KEEP: CutOffRule = { onDisconnect: "keep", stopAfterSeconds: null };

export function cutOffRule(spending: Spending, nowMs: number): CutOffRule {
  const { funds, burnPerHour } = spending;
  if (burnPerHour <= 0n || funds >= burnPerHour * NEAR_THE_END_HOURS) return KEEP;
  const steps = Math.max(1, Math.ceil((suspensionMs(spending, nowMs) - nowMs) / STEP_MS));
  return { onDisconnect: "stop_after", stopAfterSeconds: (steps * STEP_MS) / MS_PER_SECOND };
}

/** When a host that is heard would be told to stop, at the latest, if nothing is paid, started or stopped any more. */
function suspensionMs({ status, overdueSinceMs, ...money }: Spending, nowMs: number): number {
  if (status !== "normal" && overdueSinceMs !== null) return fullHourAfter(overdueSinceMs);
  const left = money.funds - money.unheard;
  const leftMs = left <= 0n ? 0 : Number((left * BigInt(MS_PER_HOUR)) / money.burnPerHour);
  const overdueMs = fullHourFrom(nowMs + leftMs + USAGE_ARRIVES_WITHIN_MS);
  return fullHourAfter(overdueMs);
}

function fullHourFrom(ms: number): number {
  return Math.ceil(ms / MS_PER_HOUR) * MS_PER_HOUR;
}

/** The first one that is later. */
function fullHourAfter(ms: number): number {
  return (Math.floor(ms / MS_PER_HOUR) + 1) * MS_PER_HOUR;
}
