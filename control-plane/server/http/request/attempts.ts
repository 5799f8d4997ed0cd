/**
 * What was asked for and did not change anything, in the audit log: refused, failed, an answer given again, or done
 * before. The first of each minute and account, whichever of its keys it used, have rows of their own, the rest one row
 * a minute that says how many they were (core/accounts/attempt-bound.ts), and so has whoever sent no key that we know: strangers
 * fill no table.
 */
import { HTTPException } from "hono/http-exception";
import { auditReason } from "../../core/accounts/audit-reason.ts";
import { AttemptBound } from "../../core/accounts/attempt-bound.ts";
import { appendAuditEntriesAlone, type AuditEntry, holderOfKey } from "../../store/audit/audit-log.ts";
import { StandbyMissingError, UnconfirmedCommitError } from "../../store/database/confirmation.ts";
import { isUniqueViolation, StoreError } from "../../store/database/database.ts";
import { COUNTED } from "../audited-routes.ts";
import type { ActingAccount, ApiContext, ApiDeps, CountedAttempts } from "../deps.ts";
import { ApiRefusal } from "./refusal.ts";

type Who = ActingAccount & { apiKeyId: number };

export function noAttempts(): CountedAttempts {
  return { done: new AttemptBound(), refused: new AttemptBound() };
}

/** Whether the answer is that of an earlier request with the same key. */
export function isRepeated(c: ApiContext): boolean {
  return c.res.headers.get("Idempotency-Replayed") === "true";
}

export function outcomeOf(c: ApiContext): Pick<AuditEntry, "outcome" | "status" | "problem" | "reason"> {
  const { status } = c.res;
  if (c.res.ok) return { outcome: isRepeated(c) ? "repeated" : "done", status, problem: null, reason: null };
  const reason = c.error instanceof ApiRefusal ? auditReason(c.error.reason) : null;
  return { outcome: status < 500 ? "refused" : "failed", status, problem: problemOf(c.error), reason };
}

function problemOf(error: Error | undefined): string {
  if (error instanceof ApiRefusal) return error.kind;
  if (error instanceof HTTPException && error.status < 500) return "malformed";
  if (isUniqueViolation(error)) return "conflict";
  const isOfDatabase = [StoreError, StandbyMissingError, UnconfirmedCommitError].some(
    (kind) => error instanceof kind,
  );
  return isOfDatabase ? "database" : "internal";
}

export async function recordAttempt(c: ApiContext, entry: AuditEntry): Promise<void> {
  const { deps } = c.var;
  const bound = deps.attempts[entry.outcome === "done" ? "done" : "refused"];
  const who = await whoIs(c, entry).catch(() => null);
  const account = who === null ? null : { actorCustomerId: who.actorCustomerId, actorRole: who.actorRole };
  if (!bound.admits(account?.actorCustomerId ?? null, account, entry.at)) return;
  try {
    await appendAuditEntriesAlone(deps.db, [{ ...entry, ...who }]);
  } catch (error) {
    if (entry.outcome === "done") throw error;
    // The answer is given all the same: nothing was changed, and that it was tried is not lost.
    deps.log.warn({ error }, "an attempt could not be written to the audit log; it is counted");
    bound.count(account?.actorCustomerId ?? null, account, entry.at);
  }
}

/** A key that was revoked, or whose account is suspended, opens nothing, and is known all the same. */
async function whoIs(c: ApiContext, entry: AuditEntry): Promise<Who | null> {
  const { apiKeyId, actorCustomerId, actorRole } = entry;
  if (apiKeyId !== null && actorCustomerId !== null) return { apiKeyId, actorCustomerId, actorRole };
  const { deps, keyHash } = c.var;
  // Not for what was refused before its key was looked at, which is how floods are refused.
  const holder = keyHash === undefined ? null : await holderOfKey(deps.db, keyHash);
  if (holder === null) return null;
  const role = holder.isAdmin ? "admin" : "customer";
  return { apiKeyId: holder.apiKeyId, actorCustomerId: holder.customerId, actorRole: role };
}

/** Writes down how many were only counted, minute by minute; with `all`, of the present minute, too. */
export async function recordCounted(
  deps: Pick<ApiDeps, "db" | "now" | "attempts">,
  options: { all?: boolean } = {},
): Promise<void> {
  for (const outcome of ["done", "refused"] as const) {
    const bound = deps.attempts[outcome];
    const counted = bound.takeCounted(deps.now(), options);
    const entries = counted.map(({ actor, minute, attempts }) => ({
      ...COUNTED_ENTRY,
      ...actor,
      outcome,
      at: minute,
      attempts,
    }));
    try {
      await appendAuditEntriesAlone(deps.db, entries);
    } catch (error) {
      bound.giveBack(counted);
      throw error;
    }
  }
}

const COUNTED_ENTRY = {
  requestId: null,
  traceId: null,
  apiKeyId: null,
  actorCustomerId: null,
  actorRole: null,
  method: "any",
  route: "any",
  action: COUNTED,
  targetKind: null,
  targetId: null,
  subject: null,
  status: null,
  problem: null,
  reason: null,
  before: null,
  after: null,
} as const;
