/**
 * Which number a lease gets: the first free one from a random place on. What is free is judged twice: here by what
 * is held and what still rests, and then by the bind itself, which alone knows of strangers.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { LeaseRecord } from "./lease.ts";

/** A number is not given again for so long: whoever still has the old address must not meet another service. */
export const PORT_REUSE_DELAY_MS = 10 * MS_PER_MINUTE;

export type PortRange = { first: number; last: number };

export type PortUse = {
  held: Set<number>;
  resting: Set<number>;
};

/** @param nowMs on the observed clock */
export function portUse(leases: Iterable<LeaseRecord>, nowMs: number): PortUse {
  const held = new Set<number>();
  const resting = new Set<number>();
  for (const { externalPort, state, releasedMs } of leases) {
    if (externalPort === null) continue;
    if (state !== "released") held.add(externalPort);
    else if (releasedMs !== null && nowMs - releasedMs < PORT_REUSE_DELAY_MS) resting.add(externalPort);
  }
  return { held, resting };
}

/** How the numbers of the range are used. */
export type PortCounts = { active: number; cooling: number; free: number };

export function portCounts(range: PortRange, { held, resting }: PortUse): PortCounts {
  const active = within(range, held);
  const cooling = within(range, resting);
  return { active, cooling, free: sizeOf(range) - active - cooling };
}

/**
 * The first number from `startAt` on, around the end of the range, that nothing is known against; null when every
 * one is taken.
 * @param strangers numbers that were tried just now and are another program's
 */
export function choosePort(
  range: PortRange,
  { held, resting }: PortUse,
  { strangers, startAt }: { strangers: ReadonlySet<number>; startAt: number },
): number | null {
  const size = sizeOf(range);
  const offset = Math.min(Math.max(startAt, range.first), range.last) - range.first;
  for (let step = 0; step < size; step += 1) {
    const port = range.first + ((offset + step) % size);
    if (!held.has(port) && !resting.has(port) && !strangers.has(port)) return port;
  }
  return null;
}

/** @param chance from 0 to just below 1 */
export function randomStart(range: PortRange, chance: number): number {
  return range.first + Math.floor(chance * sizeOf(range));
}

/** Why there is no number, for people. */
export function exhaustedReason(range: PortRange, use: PortUse, strangers: number): HostReason {
  return {
    code: "lease-ports-exhausted",
    params: {
      first_port: range.first,
      last_port: range.last,
      held_ports: within(range, use.held),
      resting_ports: within(range, use.resting),
      foreign_ports: strangers,
    },
  };
}

function within(range: PortRange, ports: ReadonlySet<number>): number {
  return [...ports].filter((port) => port >= range.first && port <= range.last).length;
}

/** Outgoing connections of the host get numbers from the kernel's range, and would sit on ours by chance. */
export function doOverlap(a: PortRange, b: PortRange): boolean {
  return a.first <= b.last && b.first <= a.last;
}

function sizeOf({ first, last }: PortRange): number {
  return last - first + 1;
}
