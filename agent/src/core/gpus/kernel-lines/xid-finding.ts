/** What an Xid line means: by the catalogue, or where that says so by what else stands in the line. */
import type { KernelFinding } from "./kernel-finding.ts";
import type { Xid } from "./xid-line.ts";
import { judgeNvlink5 } from "./nvlink5-line.ts";
import { judgeRecovery } from "./recovery-line.ts";
import { XID_CATALOGUE } from "./xid-catalogue.ts";

const RECOVERY_CHANGED = 154;
const NVLINK5 = { first: 144, last: 150 };

/** `isUnknown`: nobody knows what its number means. */
export function xidFinding(xid: Xid): KernelFinding & { isUnknown: boolean } {
  const row = XID_CATALOGUE.get(xid.code);
  const isUnknown = row === undefined || row.isUnused === true;
  const finding = {
    target: { kind: "gpu", busKey: xid.busKey },
    code: `xid-${xid.code}`,
    pid: xid.pid,
    isUnknown,
  } as const;
  if (row === undefined)
    return {
      ...finding,
      effect: "note",
      reason: `Xid ${xid.code}: a number that is in no table of this version.`,
    };
  if (xid.code === RECOVERY_CHANGED) {
    const { effect, text } = judgeRecovery(xid.detail);
    return { ...finding, effect, reason: `Xid ${xid.code}: the driver says that ${text}.` };
  }
  if (xid.code >= NVLINK5.first && xid.code <= NVLINK5.last) return { ...finding, ...nvlink5Words(xid) };
  const reason =
    row.effect === "program-fault" ? `${row.meaning} (Xid ${xid.code}).` : `Xid ${xid.code}: ${row.meaning}.`;
  return { ...finding, effect: row.effect, reason };
}

function nvlink5Words({ code, detail }: Xid): Pick<KernelFinding, "effect" | "reason"> {
  const { unit, link, effect } = judgeNvlink5(code, detail);
  const where = link === null ? "" : ` on link ${link}`;
  return {
    effect,
    reason: `Xid ${code}: an NVLink error${where}, met by ${unit ?? "a unit that is not named"}.`,
  };
}
