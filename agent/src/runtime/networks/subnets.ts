/** Finds a free /24 for a workspace's bridge in 10.210.0.0/16. Addresses are numbers here. */

const RANGE_START = toNumber([10, 210, 0, 0]);
const SUBNET_SIZE = 256;
export const SUBNETS = 256;
/** With the network's own address and its broadcast. */
const MIN_SIZE = 4;

/**
 * The lowest /24 of the range that overlaps none of `taken`, or null when there is none left.
 * @param taken IPv4 networks as `a.b.c.d/n`; anything else (IPv6) is passed over
 */
export function freeSubnet(taken: readonly string[]): string | null {
  const spans = taken.map(spanOf).filter((span) => span !== null);
  for (let index = 0; index < SUBNETS; index += 1) {
    const start = RANGE_START + index * SUBNET_SIZE;
    const end = start + SUBNET_SIZE;
    if (!spans.some((span) => span.start < end && start < span.end)) return `10.210.${index}.0/24`;
  }
  return null;
}

/**
 * The address that a runtime gives its bridge of that network unless another was chosen, and names only then.
 * @param network IPv4 as `a.b.c.d/n`; null for anything else, or where it has no room for one
 */
export function firstAddress(network: string): string | null {
  const span = spanOf(network);
  if (span === null || span.end - span.start < MIN_SIZE) return null;
  const address = span.start + 1;
  return [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join(".");
}

function spanOf(network: string): { start: number; end: number } | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(network);
  if (!match) return null;
  const [, a, b, c, d, prefix] = match.map(Number);
  const size = 2 ** (32 - (prefix ?? 0));
  const address = toNumber([a ?? 0, b ?? 0, c ?? 0, d ?? 0]);
  const start = Math.floor(address / size) * size;
  return { start, end: start + size };
}

function toNumber([a, b, c, d]: [number, number, number, number]): number {
  return ((a * 256 + b) * 256 + c) * 256 + d;
}
