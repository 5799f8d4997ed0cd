/**
 * What of a host's figures on access can be true: its wall clock is only a label, and its counters are claims. Whatever
 * lies beyond is drawn to the nearest that is possible, so that no list is out of order by it.
 */

/** A terabit a second: no host has as much. */
const MAX_BYTES_PER_MS = 125_000_000;
/** Clocks of two machines differ, and what is told was counted a moment ago. */
const LEEWAY_MS = 60_000;

/** That moment within the bounds; what is no time is the later bound. */
export function possibleTime(label: string, { from, to }: { from: Date; to: Date }): Date {
  const at = new Date(label).getTime();
  const latest = Math.max(from.getTime(), to.getTime());
  return new Date(Number.isNaN(at) ? latest : Math.min(Math.max(at, from.getTime()), latest));
}

/** As many of these bytes as can have passed in that time. */
export function possibleBytes(bytes: number, { from, to }: { from: Date; to: Date }): number {
  const ms = Math.max(0, to.getTime() - from.getTime()) + LEEWAY_MS;
  return Math.min(bytes, ms * MAX_BYTES_PER_MS, Number.MAX_SAFE_INTEGER);
}
