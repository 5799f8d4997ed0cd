/**
 * Lines without a number of NVIDIA's that name a device by its PCI address: a GPU that fell off the bus, one that the
 * driver could not initialise, and errors that PCIe's own reporting (AER) tells of. An address may be of any device;
 * whether it is a GPU of the host is for whoever knows the cards.
 */
import { explained } from "@remotegpu/shared/reasons/host-reports/statement";
import type { KernelFinding } from "./kernel-finding.ts";
import { lineBusKey } from "./xid-line.ts";

const ADDRESS = String.raw`((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}(?:\.[0-7])?)`;
const FALLEN = new RegExp(String.raw`^NVRM: GPU ${ADDRESS}: GPU has fallen off the bus\b`, "i");
/**
 * The driver prints three lines at once. /dev/kmsg gives them as one record with `\x0a` for each line's end; whatever reads
 * that for us may have made lines of them again.
 */
const FALLEN_IN_ROW = [
  new RegExp(String.raw`^NVRM: The NVIDIA GPU ${ADDRESS}$`, "i"),
  /^NVRM: \(PCI ID: [0-9a-f]{4}:[0-9a-f]{4}\) installed in this system has$/i,
  /^NVRM: fallen off the bus and is not responding to commands\.?$/,
] as const;
const LINE_END = String.raw`\x0a`;
const UNINITIALISED = new RegExp(
  String.raw`^NVRM: GPU ${ADDRESS}: (?:RmInitAdapter|rm_init_adapter) failed\b`,
  "i",
);
/** By the device's own driver, or by the port above it. */
const AER = [
  new RegExp(
    String.raw`^(?:nvidia|vfio-pci) ${ADDRESS}: (?:AER: )?PCIe Bus Error: severity=(Correct(?:ed|able)|Uncorrect(?:ed|able)[^,]{0,24})`,
    "i",
  ),
  new RegExp(
    String.raw`^pcieport [^ ]{4,20}: AER: (?:Multiple )?(Correct(?:ed|able)|Uncorrect(?:ed|able)[^:]{0,24}) error (?:message )?received(?::| from) ${ADDRESS}$`,
    "i",
  ),
] as const;

/** Lines of others that may stand between two of the three, written by other processors at the same time. */
const MAX_BETWEEN = 8;

/** The lines of the three that came so far; null while none has. */
export type FallBegun = { address: string; lines: 1 | 2; between: number } | null;

export function deviceFinding(message: string): KernelFinding | null {
  const fallen = FALLEN.exec(message)?.[1] ?? fallenInOneRecord(message);
  if (fallen !== null) return fallenFinding(fallen);
  const uninitialised = UNINITIALISED.exec(message)?.[1];
  if (uninitialised !== undefined)
    return found(uninitialised, {
      code: "rm-init-adapter",
      effect: "note",
      ...explained({ code: "gpu-not-initialised", params: { pci_address: uninitialised } }),
    });
  return aerFinding(message);
}

/**
 * The three lines, one at a time and in their order. Another line of the driver between them belongs to something else, and
 * ends what had begun; so must whoever knows that some of the log is lost.
 */
export function fallFinding(
  begun: FallBegun,
  message: string,
): { begun: FallBegun; finding: KernelFinding | null } {
  const [first, second, third] = FALLEN_IN_ROW;
  const address = first.exec(message)?.[1];
  if (address !== undefined) return { begun: { address, lines: 1, between: 0 }, finding: null };
  if (begun === null) return { begun, finding: null };
  if (begun.lines === 1 && second.test(message))
    return { begun: { ...begun, lines: 2, between: 0 }, finding: null };
  if (begun.lines === 2 && third.test(message)) return { begun: null, finding: fallenFinding(begun.address) };
  const between = begun.between + 1;
  const isOver = message.startsWith("NVRM:") || between > MAX_BETWEEN;
  return { begun: isOver ? null : { ...begun, between }, finding: null };
}

function fallenInOneRecord(message: string): string | null {
  const [first = "", second = "", third = ""] = message.split(LINE_END);
  const address = FALLEN_IN_ROW[0].exec(first)?.[1];
  const isWhole = FALLEN_IN_ROW[1].test(second) && FALLEN_IN_ROW[2].test(third);
  return address !== undefined && isWhole ? address : null;
}

function fallenFinding(address: string): KernelFinding | null {
  return found(address, {
    code: "fell-off-the-bus",
    effect: "reboot",
    ...explained({ code: "gpu-off-bus", params: {} }),
  });
}

function aerFinding(message: string): KernelFinding | null {
  const own = AER[0].exec(message);
  const ports = AER[1].exec(message);
  const address = own?.[1] ?? ports?.[2];
  const severity = own?.[2] ?? ports?.[1];
  if (address === undefined || severity === undefined) return null;
  return found(address, {
    code: "aer",
    effect: "note",
    ...explained({ code: pcieCode(severity), params: {} }),
  });
}

/** "Corrected", "Uncorrected (Non-Fatal)", "Uncorrectable (Fatal)". */
function pcieCode(severity: string): "pcie-corrected" | "pcie-fatal" | "pcie-uncorrected" {
  if (/^correct/i.test(severity)) return "pcie-corrected";
  return /\(fatal\)/i.test(severity) ? "pcie-fatal" : "pcie-uncorrected";
}

function found(
  address: string,
  finding: Pick<KernelFinding, "code" | "effect" | "reason" | "why">,
): KernelFinding | null {
  const key = lineBusKey(address);
  return key === null ? null : { target: { kind: "gpu", busKey: key }, ...finding, pid: null };
}
