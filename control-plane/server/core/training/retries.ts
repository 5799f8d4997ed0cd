/**
 * Whether a job that failed is tried again, where and when. What broke beneath it is tried on other hosts a few times;
 * what its own program did only where its owner asked for that, after a pause that grows. A new attempt has new runs, a
 * new folder for what it writes, and begins once nothing of the old one runs. Decides only.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { type LogRule, ruleReason } from "./log-rules.ts";
import { inSequence } from "../reasons/in-sequence.ts";
import type { Reason } from "../reasons/reason.ts";
import type { Failure } from "../instances/instance-report.ts";

/** The attempts of one job, whatever they failed of. */
export const MAX_ATTEMPTS = 20;
export const STANDARD_INFRASTRUCTURE_RETRIES = 3;
const FIRST_PAUSE_MS = 10 * MS_PER_SECOND;
const MAX_PAUSE_MS = 10 * MS_PER_MINUTE;

export interface Tries {
  /** The number of the one that stands or ended last, from 1. */
  attempt: number;
  /** So many attempts were begun because of either. */
  infrastructureRetries: number;
  programRetries: number;
}

/** How many of each are allowed. */
export interface RetryTerms {
  infrastructure: number;
  program: number;
}

/** What is known of a job that has failed. */
export interface RetryState {
  tries: Tries;
  terms: RetryTerms;
  /** Somebody does not want it any more. */
  isCancelled: boolean;
  logRules: readonly LogRule[];
}

export interface AfterFailure {
  to: "queued" | "pending" | "failed" | "cancelled";
  reason: Reason;
  /** Null where nothing of it is tried again. */
  next: {
    tries: Tries;
    /** Until it waits for a place again. */
    pauseMs: number;
    /** Where it failed is not tried for a while. */
    avoidsHosts: boolean;
  } | null;
  /** Nothing but the count of its tries keeps it from another one. */
  isUsedUp?: true;
}

/** What its attempts left, where that has been looked at. */
export interface Left {
  /** The log rule that its output meets; one that avoids the host blames it, whatever failed. */
  rule?: LogRule | null;
  /** The last attempt that left a file which none before it had: from there its tries are counted anew. */
  gainedAt?: number | null;
}

export function afterFailure(
  { by, reason: cause }: Pick<Failure, "by" | "reason">,
  { tries, terms, isCancelled }: Omit<RetryState, "logRules">,
  { rule = null, gainedAt = null }: Left = {},
): AfterFailure {
  if (isCancelled) return { to: "cancelled", reason: cause, next: null };
  const reason = inSequence(cause, rule && ruleReason(rule)) ?? cause;
  if (rule?.action === "do_not_retry") return { to: "failed", reason, next: null };
  const { attempt } = tries;
  const isProgram = by === "program" && rule === null;
  const counted = (isProgram ? tries.programRetries : tries.infrastructureRetries) + 1;
  const used = gainedAt === null ? counted : Math.min(counted, attempt - gainedAt + 1);
  const allowed = isProgram ? terms.program : terms.infrastructure;
  if (by === "order" || attempt >= MAX_ATTEMPTS || used > allowed) {
    const reported: Reason =
      attempt === 1 ? reason : { code: "last-attempt", params: { why: reason, attempt } };
    const isUsedUp = by !== "order" && attempt < MAX_ATTEMPTS && allowed > 0;
    return { to: "failed", reason: reported, next: null, ...(isUsedUp && { isUsedUp }) };
  }
  const pauseMs = isProgram ? Math.min(FIRST_PAUSE_MS * 2 ** (used - 1), MAX_PAUSE_MS) : 0;
  const params = { why: reason, attempt: attempt + 1, used, allowed };
  return {
    to: isProgram ? "pending" : "queued",
    reason: isProgram
      ? { code: "next-attempt-after-pause", params: { ...params, pause_seconds: pauseMs / MS_PER_SECOND } }
      : { code: "next-attempt-elsewhere", params },
    next: {
      tries: {
        attempt: attempt + 1,
        infrastructureRetries: isProgram ? tries.infrastructureRetries : used,
        programRetries: isProgram ? used : tries.programRetries,
      },
      pauseMs,
      avoidsHosts: !isProgram,
    },
  };
}
