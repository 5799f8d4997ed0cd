/** Makes the simulated cards of an agent's state folder fail, and well again. */
import { appendFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Lines as the simulated nvidia-smi reads them (agent/src/host/gpus/simulated/simulated-faults.ts), and `process|UUID|PID|MIB` for a
 * process of somebody else on a card. They hold until the next call.
 */
export function setFaults(stateDir: string, lines: readonly string[]): void {
  const file = join(stateDir, "simulated", "faults");
  rmSync(join(stateDir, "simulated", "samples"), { force: true });
  if (lines.length === 0) rmSync(file, { force: true });
  else writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
}

/** The PCI address of the simulated card of this index, as the kernel log writes it. */
export function simulatedAddress(index: number): string {
  return `ffff:${(index + 1).toString(16).padStart(2, "0")}:00`;
}

/** What the kernel says, as record `seq` of its log. */
export function logKernelLine(stateDir: string, seq: number, message: string): void {
  appendFileSync(join(stateDir, "simulated", "kernel-log"), `4,${seq},99887766,-;${message}\n`);
}

/** The driver's word on the simulated card of this index, as record `seq` of the kernel log. */
export function logXid(
  stateDir: string,
  { index, code, seq }: { index: number; code: number; seq: number },
): void {
  logKernelLine(
    stateDir,
    seq,
    `NVRM: Xid (PCI:${simulatedAddress(index)}): ${code}, pid='<unknown>', name=<unknown>`,
  );
}
