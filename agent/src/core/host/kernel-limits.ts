/**
 * Limits that the kernel counts for a user or for the whole host, and so for all containers together: root is one user
 * in all of them. What one container took, every other one and the host would lack. They are raised so far that each
 * container meets bounds of its own first: its memory, to which the kernel charges what is counted here, its processes
 * and its open files. Left alone is what a container fills for itself only (fs.inotify.max_queued_events, of each
 * instance) and what no container counts for (kernel.keys.maxkeys, of users other than root: the runtime makes a
 * container's keyring as root, and the memory of keys is charged to nobody).
 */
export type KernelLimit = {
  /** As sysctl names it. */
  name: string;
  /** At least this; "none" where the kernel takes 0 for no limit. */
  wanted: number | "none";
};

/** One that was raised, from and to which value. */
export type RaisedLimit = { name: string; from: number; to: number };

/** The most that the kernel takes. An instance costs a container about 1,000 bytes, so it had to have 2 TiB. */
const MOST_OF_INOTIFY = 2 ** 31 - 1;
/** Beyond what the memory of any host holds, at 200 bytes or more each. */
const BEYOND_MEMORY = 2 ** 40;

export const KERNEL_LIMITS: readonly KernelLimit[] = [
  { name: "fs.inotify.max_user_instances", wanted: MOST_OF_INOTIFY },
  { name: "fs.inotify.max_user_watches", wanted: MOST_OF_INOTIFY },
  { name: "fs.epoll.max_user_watches", wanted: BEYOND_MEMORY },
  // Beyond the soft one new pipes hold 8 KiB instead of 64. Who may administrate is exempt, root in a container is not.
  { name: "fs.pipe-user-pages-soft", wanted: "none" },
  { name: "fs.pipe-user-pages-hard", wanted: "none" },
  // The kernel's own since 3.17, lower where somebody set them so: each container has a keyring, made as root.
  { name: "kernel.keys.root_maxkeys", wanted: 1_000_000 },
  { name: "kernel.keys.root_maxbytes", wanted: 25_000_000 },
  // What systemd sets, for hosts without it: a few containers at their bound of processes, or files, would fill them.
  { name: "fs.file-max", wanted: BEYOND_MEMORY },
  { name: "kernel.pid_max", wanted: 4_194_304 },
];

/** @param values of those that this kernel has; one that it lacks is missing */
export function lowLimits(values: ReadonlyMap<string, number>): (KernelLimit & { value: number })[] {
  return KERNEL_LIMITS.flatMap((limit) => {
    const value = values.get(limit.name);
    return value !== undefined && isLow(limit, value) ? [{ ...limit, value }] : [];
  });
}

/**
 * What is to be raised now. Of one that we raised ourselves and that is to be higher still, as after an upgrade, the
 * value from before the first time stays known.
 */
export function raisesOf(
  values: ReadonlyMap<string, number>,
  earlier: readonly RaisedLimit[],
): RaisedLimit[] {
  return lowLimits(values).map(({ name, wanted, value }) => {
    const ours = earlier.find((one) => one.name === name && one.to === value);
    return { name, from: ours?.from ?? value, to: wanted === "none" ? 0 : wanted };
  });
}

/** All that we raised, the newest word on each. */
export function joined(earlier: readonly RaisedLimit[], raises: readonly RaisedLimit[]): RaisedLimit[] {
  const again = new Set(raises.map(({ name }) => name));
  return [...earlier.filter(({ name }) => !again.has(name)), ...raises];
}

/** What can be undone: a value that somebody else has set since is theirs. */
export function undoable(values: ReadonlyMap<string, number>, raised: readonly RaisedLimit[]): RaisedLimit[] {
  return raised.filter(({ name, to }) => values.get(name) === to);
}

function isLow({ wanted }: KernelLimit, value: number): boolean {
  return wanted === "none" ? value !== 0 : value < wanted;
}
