/** Which of the processes of a host is the one whose version counts, and where the programs lie that it starts. */

export type RunningProgram = {
  pid: number;
  parentPid: number;
  /** As /proc/<pid>/exe names it, without the mark of a file that is gone. */
  path: string;
  /** The file was replaced or removed since the program was started. */
  isReplaced: boolean;
};

/** How /proc/<pid>/exe marks a file that is gone. */
const GONE = " (deleted)";

export function programAt(link: string): Pick<RunningProgram, "path" | "isReplaced"> {
  const isReplaced = link.endsWith(GONE);
  return { path: isReplaced ? link.slice(0, -GONE.length) : link, isReplaced };
}

/**
 * The daemon that holds the socket through which we speak; the only one where nobody can tell who holds it, which is
 * `holdsSocket` null. Null where there is none, or several that pass.
 */
export function daemonOf(
  daemons: readonly RunningProgram[],
  holdsSocket: ((daemon: RunningProgram) => boolean) | null,
): RunningProgram | null {
  const holding = holdsSocket === null ? daemons : daemons.filter(holdsSocket);
  return holding.length === 1 ? (holding[0] ?? null) : null;
}

/** Whether real, effective, saved and file-system user are root, by /proc/<pid>/status. */
export function isRoots(status: string): boolean {
  return /^Uid:\s+0\s+0\s+0\s+0$/m.test(status);
}

/**
 * Docker's own containerd is its child; else the only one that no other daemon began. Null where there is no daemon: then
 * whoever calls itself containerd has nothing to do with containers of ours.
 */
export function containerdOf(
  running: readonly RunningProgram[],
  daemon: RunningProgram | null,
  daemons: readonly RunningProgram[],
): RunningProgram | null {
  if (daemon === null) return null;
  const child = running.find(({ parentPid }) => parentPid === daemon.pid);
  if (child !== undefined) return child;
  const others = new Set(daemons.map(({ pid }) => pid));
  const free = running.filter(({ parentPid }) => !others.has(parentPid));
  return free.length === 1 ? (free[0] ?? null) : null;
}

/** The inode of a listening Unix socket, as /proc/net/unix lists it; null where nobody listens at that path. */
export function socketInode(procNetUnix: string, path: string): string | null {
  const listening = "00010000";
  for (const line of procNetUnix.split("\n")) {
    const [, , , flags, , , inode, at] = line.trim().split(/\s+/);
    if (at === path && flags === listening && inode !== undefined) return inode;
  }
  return null;
}

/** The folders of a process' PATH, from its NUL-separated environment; the system's own where it has none. */
export function searchPath(environment: string): string[] {
  const value = environment.split("\0").find((entry) => entry.startsWith("PATH="));
  const folders = (value?.slice("PATH=".length) ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return folders.length === 0 ? ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"] : folders;
}

/** A file of a merged /usr is known to older packages without the "/usr" before it. */
export function pathsOfPackage(path: string): string[] {
  return path.startsWith("/usr/") ? [path, path.slice("/usr".length)] : [path];
}

/**
 * The runc that containers are started with, as a path or as a name to be searched for. Null where they are started with
 * something else. NVIDIA's runtime starts runc itself.
 */
export function runcProgram({ name, path }: { name: string; path: string | null }): string | null {
  const program = path ?? name;
  const file = program.slice(program.lastIndexOf("/") + 1);
  if (file === "runc") return program;
  return file === "nvidia" || file === "nvidia-container-runtime" ? "runc" : null;
}
