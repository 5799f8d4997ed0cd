/** When a host dials a gateway again that it could not reach, or has lost. */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** A connection that stood for so long was none of several failures in a row. */
export const STEADY_MS = 60_000;

/**
 * Each failure doubles the pause; chance spreads hosts that have lost the same gateway over the second half of it.
 * @param failures in a row, at least 1
 * @param chance in [0, 1)
 * @returns milliseconds
 */
export function redialAfterMs(failures: number, chance: number): number {
  const most = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 16), LONGEST_MS);
  return Math.round(most / 2 + (most / 2) * chance);
}
