/**
 * What a key may ask of its service: requests a minute and at once, and tokens a day. Each gateway that runs gives its part
 * of it, so that all together give no more than it says where it can be divided.
 */
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

export type Passage = { passes: true } | { passes: false; sentence: string; retryAfterSeconds: number };

/** Those that are in flight end when they end. */
const SOON_SECONDS = 1;

export function passage(
  limits: KeyLimits,
  use: KeyUse,
  { gateways, nowMs }: { gateways: number; nowMs: number },
): Passage {
  const { requestsPerMinute, maxInFlight, tokensPerDay } = limits;
  const refused = (sentence: string, retryAfterSeconds: number): Passage => ({
    passes: false,
    sentence,
    retryAfterSeconds,
  });
  if (tokensPerDay !== null && use.tokensToday >= tokensPerDay)
    return refused(
      `This key's ${tokensPerDay} tokens of the day are used up; the next day begins at midnight UTC.`,
      secondsUntil(MS_PER_DAY, nowMs),
    );
  if (requestsPerMinute !== null && use.inMinute >= partOf(requestsPerMinute, gateways))
    return refused(
      `This key may ask ${requestsPerMinute} times a minute.`,
      secondsUntil(MS_PER_MINUTE, nowMs),
    );
  if (maxInFlight !== null && use.open >= partOf(maxInFlight, gateways))
    return refused(`This key may have ${maxInFlight} requests at once.`, SOON_SECONDS);
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
