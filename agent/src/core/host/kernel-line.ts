/**
 * Reads one record of the kernel log: its number, who wrote it and its text. What the text says is in the files that
 * look for something: xid-line.ts, memory-kill-line.ts.
 */

/** One record of /dev/kmsg, or a line of a text file, which has neither number nor origin. */
export type KernelLine = { seq: number | null; isKernels: boolean; message: string };

/** Facility and level in one number, sequence number, microseconds, flags; then the text. */
const KMSG = /^(\d{1,10}),(\d{1,16}),\d{1,20},[^;]*;(.*)$/;
/** The levels of facility 0, the kernel: what a process writes into the log has another facility. */
const KERNEL_PRIORITIES = 8;
/** The time before a line of a text file, as dmesg prints it. */
const PRINTED_TIME =
  /^\[(?: *\d{1,10}\.\d{1,9}|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})\] /;

export function kernelLineOf(line: string): KernelLine {
  const record = KMSG.exec(line);
  if (record === null) return { seq: null, isKernels: true, message: line.replace(PRINTED_TIME, "") };
  const [, priority, seq, message = ""] = record;
  return { seq: Number(seq), isKernels: Number(priority) < KERNEL_PRIORITIES, message };
}
