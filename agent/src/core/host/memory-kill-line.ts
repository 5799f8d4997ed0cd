/**
 * Reads out of the kernel log which container a process was killed in because that container was beyond its limit of
 * memory. A machine that is itself short of memory kills too, and so may a limit around many containers; neither is
 * the container's own doing, and neither is told.
 */
import { containersInPath } from "../container/cgroup-path.ts";
import type { KernelLine } from "./kernel-line.ts";

/**
 * `oom_memcg` is the group whose limit was met, `task_memcg` the one of the process, the same or one below it. The
 * name of the process comes after both, so that it cannot pretend to be either.
 */
const MEMORY_KILL =
  /^(?:\[ *\d+\.\d+\] )?oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=.{0,4096}?,oom_memcg=(\/[^,]*),task_memcg=\//;

/**
 * The innermost container of the group that met its limit: what runs inside one of our containers may have containers
 * and limits of its own. Null for every other line, and for one that a process wrote to look like the kernel's.
 */
export function parseMemoryKill({ isKernels, message }: KernelLine): string | null {
  const group = isKernels ? MEMORY_KILL.exec(message)?.[1] : undefined;
  return group === undefined ? null : (containersInPath(group).at(-1) ?? null);
}
