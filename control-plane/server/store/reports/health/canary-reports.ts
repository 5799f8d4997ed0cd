/**
 * What a host reports of its canary. One that something succeeded for takes its host out of service, with an alarm that
 * stays until an administrator has looked: only an administrator puts the host back, and the next success takes it out again.
 */
import type { CanaryReport } from "@remotegpu/shared/messages/canary-report";
import { canaryReason } from "../../../core/hosts/canary.ts";
import { inEnglish } from "../../../core/reasons/english/english.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import type { Transaction } from "../../database/database.ts";
import { clearAlarm, raiseAlarmOnce } from "../../events/alarms.ts";
import { appendEvent } from "../../events/events.ts";
import { putCanary } from "../../hosts/host-canaries.ts";
import { cordonHost } from "../../hosts/hosts.ts";

/** In a transaction that holds the host's row. */
export async function noteCanary(
  sql: Transaction,
  { hostId, canary, now }: { hostId: string; canary: CanaryReport; now: Date },
): Promise<void> {
  const isNew = await putCanary(sql, { hostId, canary, now });
  if (!isNew || canary.outcome !== "succeeded") return;
  const reason = canaryReason(canary.succeeded);
  await cordonUnlessSo(sql, { hostId, reason, now });
  await raiseAlarmOnce(sql, {
    kind: "isolation-broken",
    subject: hostId,
    reason: { code: "host-isolation-broken", params: { host_id: hostId, why: reason } },
    now,
  });
}

/** Whoever cordoned it before has given a reason of his own, which stays. */
async function cordonUnlessSo(
  sql: Transaction,
  { hostId, reason, now }: { hostId: string; reason: Reason; now: Date },
): Promise<void> {
  const { rows } = await sql.query<{ status: string | null }>(
    "SELECT status FROM hosts WHERE id = $1 AND NOT cordoned",
    [hostId],
  );
  const [host] = rows;
  if (host === undefined) return;
  await cordonHost(sql, { hostId, reason: inEnglish(reason) });
  const change = { old: host.status, new: "maintenance", reason };
  await appendEvent(sql, { at: now, kind: "host-cordoned", hostId, actor: `host ${hostId}`, ...change });
}

/** An administrator has put the host back in service, or it has left the fleet. */
export async function clearCanaryAlarm(
  sql: Transaction,
  { hostId, now }: { hostId: string; now: Date },
): Promise<void> {
  await clearAlarm(sql, { kind: "isolation-broken", subject: hostId, now });
}
