/** The order in which a walk through a tree comes to its files: names of a folder by their bytes, a folder in its place. */
import { byBytes } from "./relative-path.ts";

/** Below zero where the first comes before the second. */
export function inTreeOrder(a: readonly Uint8Array[], b: readonly Uint8Array[]): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const difference = byBytes(a[at] ?? new Uint8Array(), b[at] ?? new Uint8Array());
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
