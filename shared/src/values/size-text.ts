/** A size as people read it, and exact: two that differ by a byte read differently. */
import { GIB, KIB, MIB } from "./units.ts";

/** "16 GiB", "16385 MiB", "1000 bytes": in the largest unit of which it is a whole number. */
export function wholeSize(bytes: number): string {
  const [name, unit] = SIZES.find(([, size]) => bytes > 0 && bytes % size === 0) ?? ["bytes", 1];
  return `${bytes / unit} ${name}`;
}

const SIZES: [name: string, bytes: number][] = [
  ["GiB", GIB],
  ["MiB", MIB],
  ["KiB", KIB],
];
