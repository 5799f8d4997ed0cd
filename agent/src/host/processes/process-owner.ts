/** Which user of a container a process of it is, as the kernel knows it by numbers. */
import { readFile } from "node:fs/promises";
import type { Owner } from "../../core/ssh/live-files.ts";

/** Rejects where it is gone. */
export async function readOwner(pid: number): Promise<Owner> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return { uid: idOf(status, "Uid"), gid: idOf(status, "Gid") };
}

/** The first of a line's four, which is the real one. */
function idOf(status: string, name: "Uid" | "Gid"): number {
  const found = new RegExp(`^${name}:\\t(\\d+)`, "m").exec(status)?.[1];
  if (found === undefined) throw new Error(`the kernel says no ${name} of a process`);
  return Number(found);
}
