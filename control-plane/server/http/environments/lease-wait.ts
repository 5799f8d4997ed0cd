/** Waiting for hosts to bind what was just ordered, for as long as somebody who asked may be kept waiting. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { countWaiting } from "../../store/leases/lease-views.ts";
import type { ApiDeps } from "../deps.ts";

export const LEASE_WAIT_SECONDS = 10;
/** A host reports what it has bound within moments of being told. */
const CHECK_EVERY_MS = 200;
/** A slow database makes looks rarer, and the wait ends by the clock. */
const MAX_CHECKS = (LEASE_WAIT_SECONDS * MS_PER_SECOND) / CHECK_EVERY_MS;

/** Ends when none of the leases waits for its host any more, or when the time is over. */
export async function waitForLeases(
  { db, now, pause }: Pick<ApiDeps, "db" | "now" | "pause">,
  leaseIds: readonly string[],
): Promise<void> {
  const until = now().getTime() + LEASE_WAIT_SECONDS * MS_PER_SECOND;
  for (let check = 1; check <= MAX_CHECKS; check += 1) {
    if ((await countWaiting(db, leaseIds)) === 0 || now().getTime() >= until) return;
    await pause(CHECK_EVERY_MS);
  }
}
