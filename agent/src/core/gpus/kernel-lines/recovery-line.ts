/**
 * Reads Xid 154 out of what its line says behind the number: `GPU recovery action changed from 0x0 (None) to 0x4 (Drain
 * and Reset)`. The numbers are those of nvmlDeviceGpuRecoveryAction_t in NVML.
 */
import type { KernelEffect } from "./kernel-finding.ts";

/** By number; the words are ours. */
const ACTIONS: readonly { effect: KernelEffect; text: string }[] = [
  { effect: "note", text: "it needs no recovery" },
  { effect: "reset", text: "it needs a reset" },
  { effect: "reboot", text: "its host needs to be started anew" },
  { effect: "drain", text: "its traffic with other GPUs has to end" },
  { effect: "drain", text: "it needs a reset once nothing runs on it" },
];

const CHANGED = /GPU recovery action changed from 0x[0-9a-f]{1,8} \([^()]{0,40}\) to 0x([0-9a-f]{1,8}) \(/i;

/** A line that is cut off, or names an action that is new, says that something is wrong: nothing new comes. */
const UNKNOWN = { effect: "drain", text: "it needs a recovery that is not known here" } as const;

/** @param detail what stands behind the Xid's number */
export function judgeRecovery(detail: string): { effect: KernelEffect; text: string } {
  const number = CHANGED.exec(detail)?.[1];
  return (number === undefined ? undefined : ACTIONS[Number.parseInt(number, 16)]) ?? UNKNOWN;
}
