/** What all processes of a container take of memory: each page once, and a shared one in parts. */
import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { KIB, MIB } from "@remotegpu/shared/values/units";

/** MiB */
export async function memoryOf(containerId: string): Promise<number> {
  const { stdout } = await execa("docker", ["top", containerId, "-eo", "pid"]);
  const pids = stdout.split("\n").slice(1);
  const parts = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid.trim()}/smaps_rollup`, "utf8").catch(() => "");
      return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * KIB;
    }),
  );
  return parts.reduce((sum, one) => sum + one, 0) / MIB;
}
