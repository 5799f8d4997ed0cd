/**
 * What was asked for and did not change anything, in the audit log: refused, failed, or an answer given again. The
 * first of each minute and key have rows of their own, the rest one row a minute that says how many they were
 * (core/attempt-bound.ts), and so has whoever sent no key that we know: strangers fill no table.
 */
import { HTTPException } from "hono/http-exception";
import { AttemptBound } from "../../core/attempt-bound.ts";
import { appendAuditEntriesAlone, type AuditEntry, holderOfKey } from "../../store/audit/audit-log.ts";
import { isUniqueViolation, StoreError } from "../../store/database.ts";
import { COUNTED } from "../audit/audited-routes.ts";
import type { ApiContext, ApiDeps } from "../deps.ts";
import { ApiRefusal } from "./refusal.ts";

type Who = Pick<AuditEntry, "actorCustomerId" | "actorRole"> & { apiKeyId: number };

/** Per app, like what limits its callers. */
const bounds = new WeakMap<ApiDeps, AttemptBound<Who>>();

function boundOf(deps: ApiDeps): AttemptBound<Who> {
  const bound = bounds.get(deps) ?? new AttemptBound<Who>();
  bounds.set(deps, bound);
  return bound;
}

/** Whether the answer is that of an earlier request with the same key. */
export function isRepeated(c: ApiContext): boolean {
  return c.res.headers.get("Idempotency-Replayed") === "true";
}

export function outcomeOf(c: ApiContext): Pick<AuditEntry, "outcome" | "status" | "problem"> {
  const { status } = c.res;
  if (c.res.ok) return { outcome: isRepeated(c) ? "repeated" : "done", status, problem: null };
  return { outcome: status < 500 ? "refused" : "failed", status, problem: problemOf(c.error) };
}

function problemOf(error: Error | undefined): string {
  if (error instanceof ApiRefusal) return error.kind;
  if (error instanceof HTTPException && error.status < 500) return "malformed";
  if (isUniqueViolation(error)) return "conflict";
  return error instanceof StoreError ? "database" : "internal";
}

export async function recordAttempt(c: ApiContext, entry: AuditEntry): Promise<void> {
  const { deps } = c.var;
  const bound = boundOf(deps);
  const who = await whoIs(c, entry).catch(() => null);
  if (!bound.admits(who?.apiKeyId ?? null, who, entry.at)) return;
  try {
    await appendAuditEntriesAlone(deps.db, [{ ...entry, ...who }]);
  } catch (error) {
    // The answer is given all the same: nothing was changed, and that it was tried is not lost.
    deps.log.warn({ error }, "an attempt could not be written to the audit log; it is counted");
    bound.count(who?.apiKeyId ?? null, who, entry.at);
  }
}

/** A key that was revoked, or whose account is suspended, opens nothing, and is known all the same. */
async function whoIs(c: ApiContext, entry: AuditEntry): Promise<Who | null> {
  const { apiKeyId, actorCustomerId, actorRole } = entry;
  if (apiKeyId !== null) return { apiKeyId, actorCustomerId, actorRole };
  const { deps, keyHash } = c.var;
  // Not for what was refused before its key was looked at, which is how floods are refused.
  const holder = keyHash === undefined ? null : await holderOfKey(deps.db, keyHash);
  if (holder === null) return null;
  const role = holder.isAdmin ? "admin" : "customer";
  return { apiKeyId: holder.apiKeyId, actorCustomerId: holder.customerId, actorRole: role };
}

/** Writes down how many were only counted, minute by minute; with `all`, of the present minute, too. */
export async function recordCounted(deps: ApiDeps, options: { all?: boolean } = {}): Promise<void> {
  const bound = boundOf(deps);
  const counted = bound.takeCounted(deps.now(), options);
  try {
    await appendAuditEntriesAlone(
      deps.db,
      counted.map(({ actor, minute, attempts }) => ({ ...COUNTED_ENTRY, ...actor, at: minute, attempts })),
    );
  } catch (error) {
    bound.giveBack(counted);
    throw error;
  }
}

const COUNTED_ENTRY = {
  requestId: null,
  apiKeyId: null,
  actorCustomerId: null,
  actorRole: null,
  method: "any",
  route: "any",
  action: COUNTED,
  targetKind: null,
  targetId: null,
  subject: null,
  outcome: "refused",
  status: null,
  problem: null,
  before: null,
  after: null,
} as const;
