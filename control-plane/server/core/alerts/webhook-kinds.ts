/**
 * Which kinds of messages a webhook may ask for, and which scopes a key needs for them: money for what tells of money,
 * and for work and alarms what looking at them and changing them needs elsewhere. Who is told what is not decided here.
 */
import { ALERT_KINDS } from "./alerts.ts";
import type { KeyScope } from "../accounts/key-scopes.ts";

/** What happens to environments, to training jobs, and to inference services. */
export const WORK_KINDS = [
  "ready",
  "failed",
  "stopped",
  "restarting",
  "drained",
  "lease-due",
  "job-started",
  "job-ended",
  "job-retried",
  "job-stalled",
  "service-serving",
  "service-failed",
  "service-stopped",
  "service-scaled",
  "service-rollout",
] as const;
export type WorkKind = (typeof WORK_KINDS)[number];

/** `alarm`: what an operator should look at; for administrators, who have to name it. */
export const WEBHOOK_KINDS = [...ALERT_KINDS, ...WORK_KINDS, "alarm"] as const;
export type WebhookKind = (typeof WEBHOOK_KINDS)[number];

/** Null: every kind of the account's own, so all but `alarm`. */
export type RequestedKinds = readonly WebhookKind[] | null;

function isOfMoney(kind: WebhookKind): boolean {
  return ALERT_KINDS.some((one) => one === kind);
}

/** The scopes that a key needs to read a webhook of these kinds, or to make or change it. */
export function scopesFor(kinds: RequestedKinds, access: "read" | "change"): KeyScope[] {
  const ofWork: KeyScope = access === "read" ? "read" : "orders";
  if (kinds === null) return ["money", ofWork];
  return [
    ...(kinds.some(isOfMoney) ? (["money"] as const) : []),
    ...(kinds.some((kind) => !isOfMoney(kind)) ? [ofWork] : []),
  ];
}

/** The kinds whose webhooks and messages a key with these scopes may not look at. */
export function hiddenKinds(scopes: readonly KeyScope[]): WebhookKind[] {
  return WEBHOOK_KINDS.filter((kind) => !scopesFor([kind], "read").every((scope) => scopes.includes(scope)));
}
