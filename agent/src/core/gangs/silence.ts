/** From which ranks of its gang a rank that was released hears nothing. Pure. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";

/** Twice nothing may be a switch that restarts. */
const SILENT_MS = 15 * MS_PER_SECOND;

/** @param heardMs when each was heard last, or it was begun to listen to it */
export function silentRanks(heardMs: ReadonlyMap<string, number>, nowMs: number): string[] {
  return [...heardMs].filter(([, lastMs]) => nowMs - lastMs >= SILENT_MS).map(([address]) => address);
}

/** After a look: whoever was never listened to counts from now on. */
export function heardAfter(
  before: ReadonlyMap<string, number>,
  { requested, heard }: { requested: readonly string[]; heard: ReadonlySet<string> },
  nowMs: number,
): Map<string, number> {
  return new Map(
    requested.map((address) => [address, heard.has(address) ? nowMs : (before.get(address) ?? nowMs)]),
  );
}
