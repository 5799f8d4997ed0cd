/**
 * How the files process gives up what root may do, but for reading and writing whatever file there is, and giving files to
 * whoever owns their folder. Rights are a thread's own, so it takes them from itself and begins anew as the same process:
 * every thread that comes then has no more.
 */
import { readdirSync, readFileSync } from "node:fs";
import koffi from "koffi";

const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const CAPABILITY_VERSION_3 = 0x2008_0522;
const CAP_CHOWN = 0;
const CAP_DAC_OVERRIDE = 1;
const STORED = (1n << BigInt(CAP_CHOWN)) | (1n << BigInt(CAP_DAC_OVERRIDE));
/** More than any kernel knows; it says which one is the last. */
const MAX_CAPABILITIES = 64;

export class ManyRightsError extends Error {
  override name = "ManyRightsError";
}

/** Of /proc/<pid>/status. */
export function hasFewRights(status: string): boolean {
  return ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].every(
    (set) => (rightsIn(status, set) & ~STORED) === 0n,
  );
}

/**
 * Returns once every thread of this process has no more than those rights.
 * @throws ManyRightsError where the kernel does not take them
 */
export function giveUpRights(): void {
  const own = readFileSync("/proc/thread-self/status", "utf8");
  if (!hasFewRights(own)) beginAnewWithFew();
  for (const thread of readdirSync("/proc/self/task"))
    if (!hasFewRights(readFileSync(`/proc/self/task/${thread}/status`, "utf8")))
      throw new ManyRightsError(
        "the files process could not give up root's rights; it will not touch a file",
      );
}

function beginAnewWithFew(): never {
  const libc = koffi.load("libc.so.6");
  const prctl: (what: number, value: number, a: number, b: number, c: number) => number = libc.func(
    "int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)",
  );
  const capset: (header: Buffer, data: Buffer) => number = libc.func(
    "int capset(const void *, const void *)",
  );
  for (let one = 0; one < MAX_CAPABILITIES && prctl(PR_CAPBSET_READ, one, 0, 0, 0) >= 0; one += 1) {
    const isStored = ((STORED >> BigInt(one)) & 1n) === 1n;
    if (!isStored && prctl(PR_CAPBSET_READ, one, 0, 0, 0) === 1 && prctl(PR_CAPBSET_DROP, one, 0, 0, 0) !== 0)
      throw new ManyRightsError(`right ${one} cannot be given up: errno ${koffi.errno()}`);
  }
  const header = Buffer.alloc(8);
  header.writeUInt32LE(CAPABILITY_VERSION_3, 0);
  const data = Buffer.alloc(24);
  const stored = STORED & rightsIn(readFileSync("/proc/thread-self/status", "utf8"), "CapPrm");
  // Effective and permitted; none is inherited. All are among the first 32.
  data.writeUInt32LE(Number(stored), 0);
  data.writeUInt32LE(Number(stored), 4);
  if (capset(header, data) !== 0)
    throw new ManyRightsError(`root's rights cannot be given up: errno ${koffi.errno()}`);
  if (process.execve === undefined)
    throw new ManyRightsError("this Node cannot begin anew as the same process");
  const [, script = "", ...rest] = process.argv;
  return process.execve(
    process.execPath,
    [process.execPath, ...process.execArgv, script, ...rest],
    process.env,
  );
}

function rightsIn(status: string, set: string): bigint {
  const hex = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1];
  if (hex === undefined) throw new ManyRightsError(`the kernel does not say ${set}`);
  return BigInt(`0x${hex}`);
}
