/** What an Xid line means: by the catalogue, or where that says so by what else stands in the line. */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { explained } from "@remotegpu/shared/reasons/host-reports/statement";
import type { KernelFinding } from "./kernel-finding.ts";
import type { Xid } from "./xid-line.ts";
import { judgeNvlink5 } from "./nvlink5-line.ts";
import { judgeRecovery } from "./recovery-line.ts";
import { XID_CATALOGUE, type XidRow } from "./xid-catalogue.ts";

const RECOVERY_CHANGED = 154;

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
  if (row.reason === null) return { ...finding, ...decodedWords(xid) };
  return { ...finding, effect: row.effect, ...explained(reasonOf(row.reason, xid.code)) };
}

function reasonOf(reason: NonNullable<XidRow["reason"]>, xid: number): HostReason {
  return "fault" in reason
    ? { code: reason.fault, params: { xid } }
    : { code: "xid", params: { xid, meaning: { code: reason.phrase, params: {} } } };
}

type Words = Pick<KernelFinding, "effect" | "reason" | "why">;

/** Of those whose line says what it means: a recovery that changed, or an error of NVLink 5. */
function decodedWords(xid: Xid): Words {
  if (xid.code !== RECOVERY_CHANGED) return nvlink5Words(xid);
  const { effect, code } = judgeRecovery(xid.detail);
  return { effect, ...explained({ code, params: { xid: xid.code } }) };
}

function nvlink5Words({ code, detail }: Xid): Words {
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
