/**
 * What is kept of a run's end beyond its phase: exit code, signal, memory, and the last lines that its container
 * wrote, as text that every reader and every database takes.
 */
import {
  type InstanceSpec,
  MAX_TAIL_BYTES,
  type ObservedInstance,
} from "@remotegpu/shared/instance/instance";
import { MIB } from "@remotegpu/shared/values/units";

/** The bound of all tails in one report as they are sent: far below what a report may have in pages (paging.ts). */
export const MAX_TAILS_BYTES = 2 * MIB;

/** As it stands in the run's record. Written once, when the end has been seen and before the container is removed. */
export type RunRemains = {
  exitCode: number;
  outOfMemory: boolean;
  signal: string | null;
  /** Null where the runtime would not tell. */
  tail: string | null;
  /** Whether its output folder has a file that none of earlier attempts has; absent where nobody looked. */
  newOutput?: boolean | undefined;
};

/** Folders of the storage pool: where a run wrote its output, and those of earlier attempts. */
export interface OutputFolders {
  own: string;
  earlier: readonly string[];
}

/** Null for what has no earlier ones: an order says them all, whether they lie here or not. */
export function outputFolders({
  folders,
  views = [],
}: Pick<InstanceSpec, "folders" | "views">): OutputFolders | null {
  const [output] = folders;
  if (output === undefined || views.length === 0) return null;
  return { own: output.source, earlier: views.map(({ source }) => source) };
}

/** The kernel's numbers on x86-64, of those that end a program. */
const SIGNALS: ReadonlyMap<number, string> = new Map([
  [1, "SIGHUP"],
  [2, "SIGINT"],
  [3, "SIGQUIT"],
  [4, "SIGILL"],
  [5, "SIGTRAP"],
  [6, "SIGABRT"],
  [7, "SIGBUS"],
  [8, "SIGFPE"],
  [9, "SIGKILL"],
  [10, "SIGUSR1"],
  [11, "SIGSEGV"],
  [12, "SIGUSR2"],
  [13, "SIGPIPE"],
  [14, "SIGALRM"],
  [15, "SIGTERM"],
  [16, "SIGSTKFLT"],
  [24, "SIGXCPU"],
  [25, "SIGXFSZ"],
  [26, "SIGVTALRM"],
  [27, "SIGPROF"],
  [29, "SIGIO"],
  [30, "SIGPWR"],
  [31, "SIGSYS"],
]);
/** The most bytes of UTF-8 for one unit of a JavaScript string. */
const WORST_BYTES_PER_UNIT = 3;
/** Shells and runtimes say "ended by signal n" as exit code 128 + n; a program may of course say so itself. */
const SIGNAL_BASE = 128;

export function signalOf(exitCode: number): string | null {
  return SIGNALS.get(exitCode - SIGNAL_BASE) ?? null;
}

/**
 * The end of an output as text of at most MAX_TAIL_BYTES in UTF-8. What is not UTF-8, and U+0000, becomes U+FFFD. A
 * line that the cut goes through is left out where whole ones follow it.
 */
export function tailText(output: Uint8Array): string {
  // Whatever stands further ahead could not be in the answer: replacing never makes less bytes of it.
  const end = output.subarray(Math.max(0, output.length - MAX_TAIL_BYTES));
  const text = new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(end.subarray(end.length < output.length ? continuationBytes(end) : 0))
    .replaceAll("\u0000", "\uFFFD");
  const fitting = lastBytes(text);
  const isCut = end.length < output.length || fitting.length < text.length;
  const firstBreak = fitting.indexOf("\n");
  const hasWholeLine = firstBreak >= 0 && firstBreak < fitting.length - 1;
  return isCut && hasWholeLine ? fitting.slice(firstBreak + 1) : fitting;
}

/** How many bytes at the beginning belong to a character that was cut. */
function continuationBytes(bytes: Uint8Array): number {
  const MOST = 3;
  let count = 0;
  while (count < MOST && ((bytes[count] ?? 0) & 0xc0) === 0x80) count += 1;
  return count;
}

/** From the end, as many whole characters as MAX_TAIL_BYTES hold. */
function lastBytes(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MAX_TAIL_BYTES) return text;
  const end = bytes.subarray(bytes.length - MAX_TAIL_BYTES);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(end.subarray(continuationBytes(end)));
}

/** The instances with as many of their tails, in order, as a report has room for; the others say null. */
export function withTailsInReport(instances: readonly ObservedInstance[]): ObservedInstance[] {
  let left = MAX_TAILS_BYTES;
  return instances.map((instance) => {
    const { remains } = instance;
    if (remains === undefined || remains.tail === null) return instance;
    left -= JSON.stringify(remains.tail).length * WORST_BYTES_PER_UNIT;
    return left >= 0 ? instance : { ...instance, remains: { ...remains, tail: null } };
  });
}
