/**
 * Who goes when somebody comes to a port of SSH that is full: one who has not logged in. It is taken from the address that
 * has most of those, so that a flood from few addresses makes room for itself alone, and there the oldest. Whoever has
 * logged in never goes.
 */
import { FOREIGN_GRACE_MS } from "./session-use.ts";

export type Guest = {
  /** As client-group.ts makes it. */
  readonly group: string;
  /** On the host's monotonic clock. */
  readonly cameMs: number;
  /** A login on it was told. */
  readonly isNamed: boolean;
};

/** @param guests in the order in which they came. @returns null: nobody is to go */
export function whoMakesRoom<T extends Guest>(guests: Iterable<T>, nowMs: number): T | null {
  const oldest = new Map<string, { guest: T; count: number }>();
  for (const guest of guests) {
    // Servers have ended by then who did not log in: it has, and nobody was told, as an image's own server tells nobody.
    if (guest.isNamed || nowMs - guest.cameMs >= FOREIGN_GRACE_MS) continue;
    const known = oldest.get(guest.group);
    if (known === undefined) oldest.set(guest.group, { guest, count: 1 });
    else known.count += 1;
  }
  let most: { guest: T; count: number } | null = null;
  for (const one of oldest.values()) if (most === null || one.count > most.count) most = one;
  return most?.guest ?? null;
}
