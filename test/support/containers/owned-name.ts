/** Names that say which process made what bears them, so that what a killed one left is told from what is in use. */

const KINDS = {
  /** In the environment of all that a run of the suite starts, and in the names of its own files. */
  run: "remotegpu-test-run-",
  /** Folders of a test's own container runtimes, and their networks. */
  runtime: "rg-dockerd-",
  /** Folders of whole products. */
  house: "remotegpu-system-",
  /** Ids of hosts that a test plays. */
  host: "test-",
  /** Networks, whose devices may have 15 characters, and are no bridges of an agent, whose names begin with `rg`. */
  line: "tstl",
  nat: "tstn",
  cloud: "tstc",
} as const;

export type OwnedKind = keyof typeof KINDS;

/** To be followed by what is the thing's own. */
export function ownedName(kind: OwnedKind): string {
  return `${KINDS[kind]}${process.pid}-`;
}

/** Whether it was made by a process that has ended; not of names of another kind, nor of those that do not say who made them. */
export function isOrphan(kind: OwnedKind, name: string): boolean {
  if (!name.startsWith(KINDS[kind])) return false;
  const [, pid] = /^(\d+)-/.exec(name.slice(KINDS[kind].length)) ?? [];
  return pid !== undefined && !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
