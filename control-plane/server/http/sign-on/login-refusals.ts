/**
 * What a login at the identity provider is refused with, and its row in the audit log. Whoever is refused is nobody known,
 * so that log would only count them; the first of each minute are written with their reason, and with the subject by which
 * an administrator links an identity.
 */
import { AttemptBound } from "../../core/accounts/attempt-bound.ts";
import { auditReason } from "../../core/accounts/audit-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { type SignedIn, type SignOn, SignOnError } from "../../core/sign-on/sign-on.ts";
import { appendAuditEntriesAlone } from "../../store/audit/audit-log.ts";
import type { ApiContext } from "../deps.ts";
import { PROBLEM_STATUS } from "../problems/problem-statuses.ts";
import { remoteAddress } from "../request/rate-limit.ts";
import { ApiRefusal, notFound } from "../request/refusal.ts";

/** @throws ApiRefusal where no provider is set */
export function requireSignOn(c: ApiContext): SignOn {
  const { signOn } = c.var.deps;
  if (signOn === null) throw notFound("named-identity-provider");
  return signOn;
}

/** Each may have the provider asked something, which is not to be made busy through us. @throws ApiRefusal */
export function limitLogins(c: ApiContext): void {
  const { deps, limiters } = c.var;
  const waitSeconds = limiters.logins.take(remoteAddress(c), deps.now().getTime());
  if (waitSeconds === 0) return;
  const reason: Reason = { code: "requests-of-address-too-many", params: { retry_seconds: waitSeconds } };
  throw new ApiRefusal("too-many-requests", reason, { retryAfterSeconds: waitSeconds });
}

/** @throws ApiRefusal in place of a SignOnError */
export async function refusing<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw error instanceof SignOnError ? refusalOf(error) : error;
  }
}

function refusalOf({ fault }: SignOnError): ApiRefusal {
  const reason: Reason = "params" in fault ? fault : { ...fault, params: {} };
  return new ApiRefusal(fault.code === "sign-on-provider-away" ? "unavailable" : "unauthenticated", reason);
}

/** Of all who are refused together. */
const refusedLogins = new AttemptBound<"logins">();

/** Runs a login; what is refused of it is in the audit log. `who`: as far as the provider has named somebody. */
export async function recordingRefusals<T>(
  c: ApiContext,
  { action, who }: { action: string; who: () => SignedIn | null },
  login: () => Promise<T>,
): Promise<T> {
  try {
    return await login();
  } catch (error) {
    if (error instanceof ApiRefusal && error.kind !== "too-many-requests")
      await recordRefusal(c, error, { action, who: who() });
    throw error;
  }
}

async function recordRefusal(
  c: ApiContext,
  { kind, reason }: ApiRefusal,
  { action, who }: { action: string; who: SignedIn | null },
): Promise<void> {
  const { deps, requestId } = c.var;
  const at = deps.now();
  if (!refusedLogins.admits(1, "logins", at)) return;
  const subject = who === null ? "single sign-on" : `identity ${who.subject} of ${who.issuer}`;
  const row = {
    at,
    requestId,
    traceId: c.var.traceId,
    apiKeyId: null,
    actorCustomerId: null,
    actorRole: null,
    method: c.req.method,
    route: c.req.path,
    action,
    targetKind: null,
    targetId: null,
    subject,
    outcome: "refused" as const,
    status: PROBLEM_STATUS[kind],
    problem: kind,
    reason: auditReason(reason),
    before: null,
    after: null,
    attempts: 1,
  };
  await appendAuditEntriesAlone(deps.db, [row]);
  c.set("isRecorded", true);
}
