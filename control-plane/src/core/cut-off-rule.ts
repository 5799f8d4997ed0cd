/**
 * What an instance does when its host is cut off from the control plane: as a rule it runs on. Where the payer's money
 * lasts less than a day nobody could stop it in time, so it is told beforehand when to end by itself.
 */
import type { DesiredInstance } from "@remotegpu/shared/instance";
import type { Points } from "@remotegpu/shared/money";
import { MS_PER_HOUR, MS_PER_SECOND } from "@remotegpu/shared/units";
import { hundredthHoursLeft } from "./account-state.ts";

export type CutOffRule = Pick<DesiredInstance["live"], "onDisconnect" | "stopAfterSeconds">;

/** Few steps, so that a balance that shrinks from hour to hour changes a host's orders seldom. */
const STEP_HOURS = [1, 2, 4, 8, 16, 24] as const;
const NEAR_THE_END_HOURS = 24;
const SECONDS_PER_HOUR = MS_PER_HOUR / MS_PER_SECOND;

/** Never earlier than a suspension would order it: at the full hour after the money is used up. */
export function cutOffRule({ funds, burnPerHour }: { funds: Points; burnPerHour: Points }): CutOffRule {
  const hundredths = hundredthHoursLeft(funds, burnPerHour);
  const hoursLeft = hundredths === null ? Infinity : Number(hundredths) / 100;
  const step = STEP_HOURS.find((hours) => hours > hoursLeft);
  if (hoursLeft >= NEAR_THE_END_HOURS || step === undefined)
    return { onDisconnect: "keep", stopAfterSeconds: null };
  return { onDisconnect: "stop_after", stopAfterSeconds: step * SECONDS_PER_HOUR };
}
