/**
 * A host that is emptied by a deadline: when that may be, and the reasons that people are given. What is on the host
 * and who stops it is not decided here.
 */
import { asPhrase } from "@remotegpu/shared/values/sentence";
import { MS_PER_DAY, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { GivenReason } from "../reasons/plain-reason.ts";
import { asReported, type Reason } from "../reasons/reason.ts";

export const MAX_DRAIN_MS = 30 * MS_PER_DAY;

export interface Drain {
  readonly reason: string | null;
  /** Null: at once. */
  readonly deadline: Date | null;
}

/** When what runs there is stopped, as it was asked for. */
export type RequestedDeadline = { deadline?: string | undefined; deadline_seconds?: number | undefined };

export type DrainDeadline =
  | { valid: true; deadline: Date | null }
  | { valid: false; field: keyof RequestedDeadline; why: GivenReason };

export function drainDeadline(request: RequestedDeadline, now: Date): DrainDeadline {
  const { deadline: moment, deadline_seconds: seconds } = request;
  if (moment === undefined && seconds === undefined) return { valid: true, deadline: null };
  const field = moment === undefined ? "deadline_seconds" : "deadline";
  const refused = (why: GivenReason): DrainDeadline => ({ valid: false, field, why });
  if (moment !== undefined && seconds !== undefined) return refused("drain-deadline-doubled");
  const atMs = moment === undefined ? now.getTime() + (seconds ?? 0) * MS_PER_SECOND : Date.parse(moment);
  if (atMs <= now.getTime()) return refused("drain-deadline-past");
  if (atMs > now.getTime() + MAX_DRAIN_MS)
    return refused({ code: "drain-deadline-too-far", params: { max_days: MAX_DRAIN_MS / MS_PER_DAY } });
  return { valid: true, deadline: new Date(atMs) };
}

/** What stands with each workload there until the deadline. */
export function drainWarning(hostName: string, { reason, deadline }: Drain): Reason {
  const why = drainReason(hostName, reason);
  return deadline === null
    ? { code: "drain-stops-now", params: { why } }
    : { code: "drain-stops-at", params: { at: deadline.toISOString(), why } };
}

/** What the event of the order has of it; null where nothing was given. */
export function drainOrder({ reason, deadline }: Drain): Reason | null {
  const until = deadline?.toISOString();
  if (until === undefined) return reason === null || reason === "" ? null : asReported(reason);
  return reason === null
    ? { code: "drained-by", params: { until } }
    : { code: "drained-with-note-by", params: { note: reason, until } };
}

/** Why it was stopped. */
export function drainReason(hostName: string, reason: string | null): Reason {
  const params = { host_name: hostName };
  return reason === null
    ? { code: "host-out-of-service", params }
    : { code: "host-out-of-service-with-note", params: { ...params, note: asPhrase(reason) } };
}
