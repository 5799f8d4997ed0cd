/**
 * Reads the errors of NVLink 5 (Xids 144 to 150) out of what their lines say behind the number:
 * `RLW_REMAP Fatal XC0 i0 Link 00 (0x00000004 0x00000040 …)`. What the table does not know is judged by the line's own
 * word, Fatal or Nonfatal, and a line that is cut off before its word keeps new work away.
 */
import type { KernelEffect } from "./kernel-finding.ts";
import { nvlink5Effect } from "./nvlink5-table.ts";

/**
 * The last that fits is the driver's: a process's name stands before it and may look alike, but has room for fifteen
 * characters only.
 */
const WHOLE =
  /^(?:.*, )?([A-Z][A-Z0-9_/]{0,47}) +(Fatal|Non-?fatal) +XC\d+ +i\d+ +Link +(-?\d{1,3})(?: +\((0x[0-9a-f]{8})(?: (0x[0-9a-f]{8})(?=[ )]))?)?/;
/** Cut off behind its word, and without a process. */
const CUT_OFF = /^([A-Z][A-Z0-9_/]{0,47}) +(Fatal|Non-?fatal)\b/;

export type Nvlink5Judgement = {
  /** Null where the line does not say it. */
  unit: string | null;
  /** Null likewise, and for an error of no link, which lines call -1. */
  link: number | null;
  effect: KernelEffect;
};

/** @param detail what stands behind the Xid's number */
export function judgeNvlink5(xid: number, detail: string): Nvlink5Judgement {
  const whole = WHOLE.exec(detail);
  const [, unit, word, link, info, status] = whole ?? CUT_OFF.exec(detail) ?? [];
  if (unit === undefined) return { unit: null, link: null, effect: "drain" };
  const isKnown = info !== undefined && status !== undefined;
  const effect = isKnown ? nvlink5Effect({ xid, unit, info: Number(info), status: Number(status) }) : null;
  const number = Number(link ?? -1);
  return { unit, link: number < 0 ? null : number, effect: effect ?? (word === "Fatal" ? "reset" : "note") };
}
