/**
 * Whether a host's journal lags: rows that it reported are not ingested for a minute. That some are is usual between two
 * heartbeats, so the head that was not ingested when it was first seen is what counts.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";

const LAGS_AFTER_MS = MS_PER_MINUTE;

/** A head that is not ingested, and since when. */
export interface PendingHead {
  readonly head: number;
  readonly sinceMs: number;
}

/** Null: everything that was reported is ingested. */
export function pendingHead(
  before: PendingHead | null,
  { head, watermark, nowMs }: { head: number; watermark: number; nowMs: number },
): PendingHead | null {
  if (watermark >= head) return null;
  return before === null || watermark >= before.head ? { head, sinceMs: nowMs } : before;
}

export function isLagging(pending: PendingHead | null, nowMs: number): boolean {
  return pending !== null && nowMs - pending.sinceMs >= LAGS_AFTER_MS;
}
