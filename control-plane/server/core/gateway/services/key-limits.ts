/**
 * What a key may ask of its service: requests a minute and at once, and tokens a day. Each gateway that runs gives its part
 * of it, so that all together give no more than it says where it can be divided.
 */
import type { Reason } from "../../reasons/reason.ts";
import { MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";

/** Null: as much as comes. */
export interface KeyLimits {
  requestsPerMinute: number | null;
  maxInFlight: number | null;
  tokensPerDay: number | null;
}

/** At this gateway, but for the tokens. */
export interface KeyUse {
  /** That have passed in the minute of the clock that is now. */
  inMinute: number;
  open: number;
  /** The tokens of the UTC day that is now, at all gateways. */
  tokensToday: number;
}

export type Passage = { passes: true } | { passes: false; reason: Reason; retryAfterSeconds: number };

/** Those that are in flight end when they end. */
const SOON_SECONDS = 1;

export function passage(
  limits: KeyLimits,
  use: KeyUse,
  { gateways, nowMs }: { gateways: number; nowMs: number },
): Passage {
  const { requestsPerMinute, maxInFlight, tokensPerDay } = limits;
  const refused = (reason: Reason, retryAfterSeconds: number): Passage => ({
    passes: false,
    reason,
    retryAfterSeconds,
  });
  if (tokensPerDay !== null && use.tokensToday >= tokensPerDay)
    return refused(
      { code: "key-tokens-used-up", params: { max_tokens: tokensPerDay } },
      secondsUntil(MS_PER_DAY, nowMs),
    );
  if (requestsPerMinute !== null && use.inMinute >= partOf(requestsPerMinute, gateways))
    return refused(
      { code: "key-requests-of-minute-too-many", params: { max_requests: requestsPerMinute } },
      secondsUntil(MS_PER_MINUTE, nowMs),
    );
  if (maxInFlight !== null && use.open >= partOf(maxInFlight, gateways))
    return refused(
      { code: "key-requests-at-once-too-many", params: { max_requests: maxInFlight } },
      SOON_SECONDS,
    );
  return { passes: true };
}

/** None has nothing, since whoever asks does not choose which it comes to. */
export function partOf(limit: number, gateways: number): number {
  return Math.max(1, Math.floor(limit / Math.max(1, gateways)));
}

/** To the next whole one of these. */
function secondsUntil(everyMs: number, nowMs: number): number {
  return Math.ceil((everyMs - (nowMs % everyMs)) / MS_PER_SECOND);
}
