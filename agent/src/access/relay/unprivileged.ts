/**
 * How the relay stops being root, and proves that it did. Its code is loaded before that, because the code may lie
 * in a folder that only root can read.
 */
import { readdirSync, readFileSync } from "node:fs";

/**
 * A number and no name in the host's list of users: nothing has to be made on a host or taken away again. Neither
 * Debian nor systemd gives out numbers of this stretch (60706 to 61183), for users, containers or dynamic users.
 */
export const RELAY_ID = 61_100;

export class StillPrivilegedError extends Error {
  override name = "StillPrivilegedError";
}

/** @throws StillPrivilegedError when the kernel says afterwards that any thread is still more than that */
export function becomeNobody(): void {
  process.chdir("/");
  process.setgroups?.([]);
  process.setgid?.(RELAY_ID);
  process.setuid?.(RELAY_ID);
  for (const thread of readdirSync("/proc/self/task"))
    assertNobody(readFileSync(`/proc/self/task/${thread}/status`, "utf8"));
}

/** @param status of /proc/<pid>/status */
export function assertNobody(status: string): void {
  const ids = [RELAY_ID, RELAY_ID, RELAY_ID, RELAY_ID].join("\t");
  const isNobody =
    lineOf(status, "Uid") === ids &&
    lineOf(status, "Gid") === ids &&
    lineOf(status, "Groups") === "" &&
    ["CapInh", "CapPrm", "CapEff", "CapAmb"].every((set) => /^0+$/.test(lineOf(status, set) ?? ""));
  if (!isNobody)
    throw new StillPrivilegedError("the relay could not give up being root; it will not touch a connection");
}

function lineOf(status: string, name: string): string | null {
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, "m").exec(status)?.[1] ?? null;
}
