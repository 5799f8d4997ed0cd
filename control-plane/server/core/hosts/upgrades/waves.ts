/** The waves of an upgrade: one host as the canary, then 5 % of the hosts, 25 %, and all. */

/** Of all hosts, those of the waves before included. */
const SHARES = [0.05, 0.25, 1];
const CANARIES = 1;

/** The hosts of each wave, in their order; a wave that would have none is left out. */
export function wavesOf(hostIds: readonly string[]): string[][] {
  const ends = [CANARIES, ...SHARES.map((share) => Math.ceil(hostIds.length * share))];
  return ends
    .map((end, nth) => hostIds.slice(Math.max(0, ...ends.slice(0, nth)), end))
    .filter((wave) => wave.length > 0);
}
