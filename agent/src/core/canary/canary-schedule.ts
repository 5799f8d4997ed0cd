/** When the canary is due: a few minutes after the agent's start, on each host at another moment, and then once an hour. */
import type { HostId } from "@remotegpu/shared/values/ids";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";

export const CANARY_EVERY_MS = MS_PER_HOUR;
const FIRST_MS = 3 * MS_PER_MINUTE;
/** Hosts whose agents start together, as after an upgrade of all, are spread over so long. */
const SPREAD_MS = 4 * MS_PER_MINUTE;
/** Starts of customers go first; a host that never rests from them tries in between. */
export const PATIENCE_MS = 10 * MS_PER_MINUTE;

/** From the agent's start to the first one. */
export function firstCanaryMs(hostId: HostId): number {
  return FIRST_MS + (spreadOf(hostId) % SPREAD_MS);
}

/** The same for the same id: FNV-1a of its characters, 32 bits. */
function spreadOf(id: string): number {
  let hash = 0x811c9dc5;
  for (const letter of id) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}
