/** What an Xid line means: by the catalogue, or where that says so by what else stands in the line. */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { explained } from "@remotegpu/shared/reasons/host-reports/statement";
import type { KernelFinding } from "./kernel-finding.ts";
import type { Xid } from "./xid-line.ts";
import { judgeNvlink5 } from "./nvlink5-line.ts";
import { judgeRecovery } from "./recovery-line.ts";
import { XID_CATALOGUE, type XidRow } from "./xid-catalogue.ts";

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
      ...explained({ code: "xid-not-in-table", params: { xid: xid.code } }),
    };
  if (xid.code === RECOVERY_CHANGED) {
    const { effect, code } = judgeRecovery(xid.detail);
    return { ...finding, effect, ...explained({ code, params: { xid: xid.code } }) };
  }
  if (xid.code >= NVLINK5.first && xid.code <= NVLINK5.last) return { ...finding, ...nvlink5Words(xid) };
  return { ...finding, effect: row.effect, ...explained(meaningOf(row, xid.code)) };
}

function meaningOf(row: XidRow, xid: number): HostReason {
  return row.fault === undefined
    ? { code: "xid", params: { xid, meaning: row.meaning } }
    : { code: row.fault, params: { xid } };
}

function nvlink5Words({ code, detail }: Xid): Pick<KernelFinding, "effect" | "reason" | "why"> {
  const { unit, link, effect } = judgeNvlink5(code, detail);
  if (unit === null) return { effect, ...explained({ code: "xid-nvlink", params: { xid: code } }) };
  const params = { xid: code, unit };
  return {
    effect,
    ...explained(
      link === null
        ? { code: "xid-nvlink-of-unit", params }
        : { code: "xid-nvlink-on-link", params: { ...params, link } },
    ),
  };
}
