/**
 * Paths below a folder, as bytes: what the kernel would take, without a step upwards, an empty one or one that stays. The
 * kernel itself keeps whatever links are on the way from leading out; this keeps what is asked from being read in two ways.
 */
import { MAX_NAME_BYTES, MAX_PATH_BYTES } from "@remotegpu/shared/messages/files";

const SLASH = 0x2f;
const DOT = 0x2e;

/** Null where it is none; the empty path is the folder itself. */
export function stepsOf(path: Uint8Array): Uint8Array[] | null {
  if (path.length === 0) return [];
  if (path.length > MAX_PATH_BYTES || path.includes(0)) return null;
  const steps: Uint8Array[] = [];
  for (let start = 0; start <= path.length;) {
    const found = path.indexOf(SLASH, start);
    const end = found < 0 ? path.length : found;
    steps.push(path.subarray(start, end));
    start = end + 1;
  }
  return steps.every(isName) ? steps : null;
}

/** Whether it can be the name of a file in a folder. */
export function isName(step: Uint8Array): boolean {
  const isDots = step.length <= 2 && step.every((byte) => byte === DOT);
  return step.length <= MAX_NAME_BYTES && !isDots && !step.includes(SLASH) && !step.includes(0);
}

/** By their bytes, as the shell does in the C locale. */
export function byBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
