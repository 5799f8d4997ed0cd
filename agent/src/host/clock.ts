/**
 * The clock on which metering counts: CLOCK_MONOTONIC, which only goes forward and starts anew at each boot, so a moment is
 * (boot id, milliseconds). The wall clock decides nothing.
 */
import { readFile } from "node:fs/promises";
import { BootId } from "@remotegpu/shared/values/ids";

const NANOSECONDS_PER_MS = 1_000_000n;
const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";

/** Whole milliseconds of CLOCK_MONOTONIC, the same for every process of this boot. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / NANOSECONDS_PER_MS);
}

export async function readBootId(file: string = BOOT_ID_FILE): Promise<BootId> {
  return BootId.parse((await readFile(file, "utf8")).trim());
}
