/** Now, on both clocks of the host, read in one place and handed on. */
import type { BootId } from "@remotegpu/shared/values/ids";
import type { MonotonicTime } from "../core/runs/run-record.ts";
import type { Moment } from "../core/metering/usage-interval.ts";

/** The loop's clock; tests pass one of their own. */
export type Clock = { bootId: BootId; monotonicMs: () => number; wallMs: () => number };

export function momentOf(clock: Clock): Moment {
  return { bootId: clock.bootId, nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

export function monotonic({ bootId, nowMs }: Moment): MonotonicTime {
  return { bootId, ms: nowMs };
}
