/**
 * What the canary container tries, and what must come of it. Each attempt rests on something that the spec of every
 * customer's container promises (core/container/container-spec.ts, runtime/networks/firewall.ts); what no promise of ours
 * forbids is not tried. The program itself (toolbox/toolbox-canary.c) only prints the kernel's answers.
 */

/** Errors of the kernel, by their numbers on Linux. */
const ERROR = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  ENOEXEC: 8,
  EACCES: 13,
  EFAULT: 14,
  EINVAL: 22,
  EROFS: 30,
  ENOSYS: 38,
  ENODATA: 61,
  ENETUNREACH: 101,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  ESTALE: 116,
  ENOKEY: 126,
} as const;

/**
 * What refuses it: `capabilities` the short list of rights, `namespaces` those of the container alone, `masks` the
 * read-only and hidden parts of /proc and /sys, `mounts` the read-only toolbox and a root of its own, `privileges` that
 * nothing may gain more, `profile` the runtime's default seccomp profile, `network` bridges and the host's firewall.
 */
type PromisedBy = "capabilities" | "namespaces" | "masks" | "mounts" | "privileges" | "profile" | "network";

export type Attempt = {
  /** As the program prints it, and the report names it. */
  name: string;
  /** What happened if it succeeded; reads on after "a container could". */
  what: string;
  promise: PromisedBy;
  /** Errors that refuse it, beside EPERM, EACCES and ENOSYS. */
  refusals?: readonly number[];
  /** Errors that come only after the kernel has permitted it: the attempt is made so that it can do nothing more. */
  permits?: readonly number[];
};

/** These refuse every attempt: the caller lacks the right, or the kernel does not have the call. */
const REFUSALS: readonly number[] = [ERROR.EPERM, ERROR.EACCES, ERROR.ENOSYS];

/** It is not there, or nothing of it can be changed. */
const ABSENT: readonly number[] = [ERROR.ENOENT];
const READ_ONLY: readonly number[] = [ERROR.EROFS, ERROR.ENOENT];

const PROCESS_ATTEMPTS: readonly Attempt[] = [
  { name: "trace-first-process", what: "trace the first process, which is ours", promise: "capabilities" },
  {
    name: "read-first-process-memory",
    what: "read the memory of the first process",
    promise: "capabilities",
    permits: [ERROR.EFAULT],
  },
  {
    name: "read-first-process-root",
    what: "open files through the first process",
    promise: "capabilities",
  },
  {
    name: "signal-outside",
    what: "signal a process of the host",
    promise: "namespaces",
    refusals: [ERROR.ESRCH],
  },
  {
    name: "trace-outside",
    what: "trace a process of the host",
    promise: "namespaces",
    refusals: [ERROR.ESRCH],
  },
  {
    name: "read-outside-memory",
    what: "read the memory of a process of the host",
    promise: "namespaces",
    refusals: [ERROR.ESRCH],
    permits: [ERROR.EFAULT],
  },
];

const MOUNT_ATTEMPTS: readonly Attempt[] = [
  { name: "mount-tmpfs", what: "mount a file system", promise: "capabilities" },
  { name: "mount-proc", what: "mount a /proc of its own", promise: "capabilities" },
  { name: "mount-cgroup", what: "mount the control groups", promise: "capabilities" },
  { name: "unmask-proc", what: "take a mask off /proc", promise: "capabilities" },
  { name: "open-proc-sys", what: "make /proc/sys writable", promise: "capabilities" },
  { name: "enter-namespace", what: "enter a namespace by its file", promise: "capabilities" },
  {
    // A user namespace alone is none of ours to refuse: some runtimes let one be made, and it reaches nothing new.
    name: "unmask-proc-by-user-namespace",
    what: "mount an unmasked /proc in a user namespace of its own",
    promise: "masks",
  },
];

const FILE_ATTEMPTS: readonly Attempt[] = [
  { name: "open-host-path", what: "open a path of the host", promise: "mounts", refusals: ABSENT },
  {
    name: "reach-runtime-socket",
    what: "connect to the container runtime's socket",
    promise: "mounts",
    refusals: ABSENT,
  },
  { name: "trigger-sysrq", what: "open /proc/sysrq-trigger", promise: "masks", refusals: READ_ONLY },
  { name: "write-core-pattern", what: "set the host's core pattern", promise: "masks", refusals: READ_ONLY },
  {
    name: "read-kernel-memory",
    what: "read the kernel's memory",
    promise: "masks",
    refusals: [ERROR.ENODATA, ERROR.ENOENT],
  },
  { name: "open-kernel-log", what: "open the kernel's log", promise: "namespaces", refusals: ABSENT },
  { name: "open-memory-device", what: "open /dev/mem", promise: "capabilities", refusals: ABSENT },
  { name: "write-cgroups", what: "write to the control groups", promise: "masks", refusals: READ_ONLY },
  {
    name: "write-toolbox",
    what: "write to the programs that every container runs",
    promise: "mounts",
    refusals: [ERROR.EROFS],
  },
  { name: "make-device", what: "make a device node", promise: "capabilities" },
  {
    name: "open-by-handle",
    what: "open a file of the host by its number",
    promise: "capabilities",
    permits: [ERROR.ESTALE],
  },
  { name: "see-gpu", what: "see a GPU that it was not given", promise: "namespaces", refusals: ABSENT },
];

const MACHINE_ATTEMPTS: readonly Attempt[] = [
  {
    name: "load-module",
    what: "load a kernel module",
    promise: "capabilities",
    permits: [ERROR.ENOEXEC, ERROR.EFAULT],
  },
  { name: "reboot", what: "reboot the host", promise: "capabilities", permits: [ERROR.EINVAL] },
  { name: "use-io-ports", what: "use the processor's I/O ports", promise: "capabilities" },
  { name: "set-clock", what: "set the host's clock", promise: "capabilities" },
  { name: "add-key", what: "add a key to the kernel's keyring", promise: "profile" },
  {
    name: "read-keyring",
    what: "find the keyring of the host's root",
    promise: "profile",
    permits: [ERROR.ENOKEY],
  },
  { name: "load-bpf", what: "make a BPF map", promise: "profile" },
  { name: "watch-processor", what: "watch all that a processor does", promise: "capabilities" },
  { name: "gain-privileges", what: "gain privileges by a setuid program", promise: "privileges" },
  { name: "raw-packets", what: "open a raw packet socket", promise: "capabilities" },
  { name: "raw-socket", what: "open a raw socket", promise: "capabilities" },
  { name: "change-network", what: "change its network device", promise: "capabilities" },
];

/** Printed by name; connections and rights are judged apart (canary-findings.ts). */
export const ATTEMPTS: readonly Attempt[] = [
  ...PROCESS_ATTEMPTS,
  ...MOUNT_ATTEMPTS,
  ...FILE_ATTEMPTS,
  ...MACHINE_ATTEMPTS,
];

export type Verdict = "refused" | "succeeded" | "unclear";

/** @param error what the kernel answered; 0: it let it through */
export function verdictOf({ refusals = [], permits = [] }: Attempt, error: number): Verdict {
  if (error === 0 || permits.includes(error)) return "succeeded";
  return REFUSALS.includes(error) || refusals.includes(error) ? "refused" : "unclear";
}

/** What connections are refused with: nobody answers, or there is no way there. */
const UNREACHABLE: readonly number[] = [
  ERROR.ETIMEDOUT,
  ERROR.ENETUNREACH,
  ERROR.EHOSTUNREACH,
  ERROR.EPERM,
  ERROR.EACCES,
];

/**
 * The verdict on one connection. A refusal by the other side may come from a firewall that rejects, or from a machine
 * that was reached: only who knows more can tell (`neighbourVerdict`).
 */
export function connectionVerdict(error: number): Verdict {
  if (error === 0) return "succeeded";
  return UNREACHABLE.includes(error) ? "refused" : "unclear";
}

/**
 * Of a connection to a port of a neighbour's container that nothing has to listen at: that the container itself refused
 * it shows where an address of the same network that nobody has is not answered so, which a firewall would do for both.
 */
export function neighbourVerdict({ error, strayError }: { error: number; strayError: number }): Verdict {
  const isAnswered = error === ERROR.ECONNREFUSED && connectionVerdict(strayError) === "refused";
  return isAnswered ? "succeeded" : connectionVerdict(error);
}
