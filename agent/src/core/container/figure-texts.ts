/** What the kernel's own texts say of what a container has used. Null for a text that does not say it. */

const NS_PER_MS = 1_000_000;
const US_PER_MS = 1_000;
/** A computer's own wire, which leads nowhere. */
const LOOPBACK = "lo";
const RECEIVED_BYTES_AT = 0;
const SENT_BYTES_AT = 8;

/** The processor time in `cpu.stat` of version 2. */
export function cpuMsOfStat(text: string): number | null {
  const microseconds = /^usage_usec (\d{1,15})$/m.exec(text)?.[1];
  return microseconds === undefined ? null : Math.floor(Number(microseconds) / US_PER_MS);
}

/**
 * The processor time in `cpuacct.usage` of version 1: nanoseconds, beyond what a number holds exactly after a hundred
 * days.
 */
export function cpuMsOfUsage(text: string): number | null {
  const nanoseconds = /^(\d{1,19})\s*$/.exec(text)?.[1];
  return nanoseconds === undefined ? null : Number(BigInt(nanoseconds) / BigInt(NS_PER_MS));
}

/** The bytes in `/proc/<pid>/net/dev`: all interfaces of its network namespace, its loopback aside. */
export function networkBytesOf(text: string): { inBytes: number; outBytes: number } | null {
  const lines = [...text.matchAll(/^\s*([^\s:]+):\s*([\d ]+)$/gm)];
  if (lines.length === 0) return null;
  let inBytes = 0;
  let outBytes = 0;
  for (const [, name, counts = ""] of lines) {
    if (name === LOOPBACK) continue;
    const numbers = counts.trim().split(/\s+/).map(Number);
    inBytes += numbers[RECEIVED_BYTES_AT] ?? 0;
    outBytes += numbers[SENT_BYTES_AT] ?? 0;
  }
  return Number.isSafeInteger(inBytes) && Number.isSafeInteger(outBytes) ? { inBytes, outBytes } : null;
}
