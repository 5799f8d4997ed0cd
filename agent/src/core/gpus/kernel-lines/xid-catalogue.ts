/**
 * What each Xid means for the GPU's service. The numbers, what they stand for and the actions are NVIDIA's ("Analyzing
 * Xid Catalog", https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html: 172 numbers, each with an immediate
 * action, eleven of them with none); the words and the effects are ours. An effect is the stricter of what NVIDIA's
 * action asks for and of what was decided here before; where it is neither, the row says why. A number that is not here
 * is a note, and operators are alarmed.
 */
import { PROGRAM_FAULT_ENGLISH } from "@remotegpu/shared/reasons/host-reports/english/kernel";
import type { PROGRAM_FAULT_CODES } from "@remotegpu/shared/reasons/host-reports/codes/kernel";
import { XID_MEANING_ENGLISH } from "@remotegpu/shared/reasons/host-reports/english/xids";
import type { XID_MEANING_CODES } from "@remotegpu/shared/reasons/host-reports/codes/xids";
import type { KernelEffect } from "./kernel-finding.ts";

/** Immediate actions as the catalogue names them; null where it names none. */
export type NvidiaAction =
  | "IGNORE"
  | "RESTART_APP"
  | "CONTACT_SUPPORT"
  | "UPDATE_SWFW"
  | "CHECK_UVM"
  | "CHECK_MECHANICALS"
  | "RESET_GPU"
  | "RESTART_VM"
  | "RESTART_BM"
  | "WORKFLOW_XID_45"
  | "WORKFLOW_XID_48"
  | "WORKFLOW_NVLINK_ERR"
  | "WORKFLOW_NVLINK5_ERR"
  | "XID_154"
  | null;

type ProgramFaultCode = keyof typeof PROGRAM_FAULT_CODES;
type MeaningCode = keyof typeof XID_MEANING_CODES;

export type XidRow = {
  action: NvidiaAction;
  effect: KernelEffect;
  /** A phrase; of a `program-fault` a sentence to whose program it was, without its stop. */
  meaning: string;
  /** The same as a code: of a `program-fault` to whose program it was. Null where the line says it, and is decoded. */
  reason: { fault: ProgramFaultCode } | { phrase: MeaningCode } | null;
  /** Why the effect is not simply what the action asks for; absent where it is. */
  why?: string;
  /** NVIDIA lists the number as unused, so that nobody knows what it would mean. */
  isUnused?: true;
};

const UNUSED_WHY =
  "No driver should write it. Support cannot be asked by a program, so an operator is alarmed and nothing is closed.";

/** Those whose action is CONTACT_SUPPORT; 14 and 108 are unused too, and to be ignored. */
const UNUSED = [
  1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27, 28, 29, 30, 33, 34, 35, 36,
  42, 47, 49, 50, 51, 52, 53, 55, 56, 57, 58, 59, 61, 65, 73, 81, 87, 90, 91, 111, 112, 113, 114, 115, 116,
  117, 118, 122, 123, 124, 125, 138,
];

const COPY_FAILED = "program-copy-failed";
const COPY_ENGINES = [
  39, 40, 41, 70, 71, 72, 75, 76, 77, 85, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135,
];
const VIDEO_FAILED = "program-video-failed";
const VIDEO_ENGINES = [60, 68, 83, 84, 88, 89, 96, 97, 98];
const JPEG_FAILED = "program-jpeg-failed";
const JPEG_ENGINES = [82, 99, 100, 101, 102, 103, 104, 105];
const FLOW_FAILED = "program-flow-failed";
const FLOW_ENGINES = [86, 139];
const BROKEN_COMMANDS = "program-commands-broken";

const isDecoded = "Its line is decoded by unit and error status; this is for a line that says neither.";
const isConfidential = "No action is named. Traffic that was not protected as it must be is not sold on.";

const OTHERS: readonly (readonly [number, XidRow])[] = [
  [8, programs("RESTART_APP", "program-stalled-on-gpu")],
  [11, programs("RESTART_APP", BROKEN_COMMANDS)],
  [13, programs("RESTART_APP", "program-access-illegal")],
  [14, ignored("xid-test-of-driver")],
  [25, programs("RESTART_APP", BROKEN_COMMANDS)],
  [31, programs("RESTART_APP", "program-memory-foreign")],
  [32, programs("RESTART_APP", BROKEN_COMMANDS)],
  [37, noted("IGNORE", "xid-firmware-request-unknown")],
  [38, noted("IGNORE", "xid-firmware-slow")],
  [
    43,
    programs(
      "IGNORE",
      "program-work-ended",
      "The GPU is well, but the program has lost its work and its people should know why.",
    ),
  ],
  [44, noted("IGNORE", "xid-switch-fault")],
  [45, programs("WORKFLOW_XID_45", "program-work-ended-early")],
  [46, resets("xid-processing-stopped")],
  [
    48,
    drains(
      "WORKFLOW_XID_48",
      "xid-memory-error",
      "The workflow asks for a reset when the programs have ended; what the error hit was told to them.",
    ),
  ],
  [
    54,
    drains(
      "CHECK_MECHANICALS",
      "xid-power-cable-missing",
      "It works on at lower clocks until somebody has been there.",
    ),
  ],
  [62, resets("xid-controller-halted")],
  [63, noted("IGNORE", "xid-memory-marked")],
  [64, resets("xid-memory-unreplaced")],
  [66, noted("IGNORE", "xid-driver-access-illegal")],
  [67, noted("IGNORE", "xid-driver-access-illegal")],
  [69, programs("RESTART_APP", "program-graphics-misused")],
  [
    74,
    drains(
      "WORKFLOW_NVLINK_ERR",
      "xid-nvlink-error",
      "The workflow may end with a reset, once nothing runs.",
    ),
  ],
  [78, noted("UPDATE_SWFW", "xid-virtual-gpu-failed", "No virtual GPUs are sold here.")],
  [79, { action: "RESTART_BM", effect: "reboot", ...meant("xid-gpu-off-bus") }],
  [80, programs("RESTART_APP", BROKEN_COMMANDS)],
  [92, noted("IGNORE", "xid-memory-errors-corrected")],
  [93, noted("IGNORE", "xid-storage-worn")],
  [
    94,
    drains(
      "RESTART_APP",
      "xid-memory-error-contained",
      "The memory is bad all the same, and its repair takes a reset.",
    ),
  ],
  [95, resets("xid-memory-error-uncontained")],
  [106, ignored("xid-test-of-controller")],
  [107, ignored("xid-test-of-controller")],
  [108, noted("IGNORE", "xid-unused-of-nvlink")],
  [109, resets("xid-switch-overdue")],
  [110, resets("xid-security-fault")],
  [119, resets("xid-processor-unanswering")],
  [120, resets("xid-processor-failed")],
  [121, noted("IGNORE", "xid-host-link-corrected")],
  [136, resets("xid-nvlink-down")],
  [137, noted("IGNORE", "xid-nvlink-access-refused")],
  [140, resets("xid-memory-unrecovered")],
  [141, noted("IGNORE", "xid-cuda-fast-path")],
  [
    142,
    programs(
      "CONTACT_SUPPORT",
      "program-video-failed",
      "The other video engines' errors ask for a new start of the program.",
    ),
  ],
  [143, resets("xid-gpu-not-initialised")],
  [144, decoded("WORKFLOW_NVLINK5_ERR", "an NVLink error (SAW)", isDecoded)],
  [145, decoded("WORKFLOW_NVLINK5_ERR", "an NVLink error (RLW)", isDecoded)],
  [146, decoded("WORKFLOW_NVLINK5_ERR", "an NVLink error (TLW)", isDecoded)],
  [147, decoded("WORKFLOW_NVLINK5_ERR", "an NVLink error (TREX)", isDecoded)],
  [148, decoded("WORKFLOW_NVLINK5_ERR", "an NVLink error (NVLPW)", isDecoded)],
  [149, decoded("WORKFLOW_NVLINK5_ERR", "an NVLink error (NETIR)", isDecoded)],
  [150, decoded("WORKFLOW_NVLINK5_ERR", "an NVLink error (MSE)", isDecoded)],
  [
    151,
    {
      action: "RESTART_VM",
      effect: "reboot",
      ...meant("xid-keys-unchanged"),
      why: "The host is what would be the virtual machine.",
    },
  ],
  [152, noted("IGNORE", "xid-accelerator-memory-fault")],
  [153, noted("IGNORE", "xid-accelerator-overdue")],
  [
    154,
    decoded(
      "XID_154",
      "the recovery that the GPU needs has changed",
      "Its line says which, and that is done.",
    ),
  ],
  [155, resets("xid-nvlink-software")],
  [156, resets("xid-part-retired")],
  [157, noted("IGNORE", "xid-part-unretired")],
  [158, resets("xid-gpu-overdue")],
  [159, drains("CHECK_UVM", "xid-host-link-error", "It takes a look by hand, which new work waits for.")],
  [160, noted("IGNORE", "xid-channel-retired")],
  [161, noted("IGNORE", "xid-channel-unretired")],
  [162, noted(null, "xid-smoothing-on", "No action is named; it works.")],
  [163, noted(null, "xid-smoothing-off", "No action is named; it works.")],
  [164, noted(null, "xid-smoothing-wears", "No action is named; it works, and says so early.")],
  [165, drains(null, "xid-smoothing-worn", "No action is named; somebody should look before new work.")],
  [166, drains(null, "xid-nvlink-unencrypted", isConfidential)],
  [
    167,
    {
      action: null,
      effect: "reset",
      ...meant("xid-pcie-unanswering"),
      why: "No action is named. It is fatal by its name, and what does not answer computes nothing.",
    },
  ],
  [168, drains(null, "xid-memory-missing", "No action is named; it is sold by its memory.")],
  [
    169,
    {
      action: null,
      effect: "reset",
      ...meant("xid-security-controller-halted"),
      why: "No action is named. A halt of another controller, 62, asks for a reset.",
    },
  ],
  [170, drains(null, "xid-interrupt-protected", isConfidential)],
  [171, drains(null, "xid-dram-error", "No action is named; it tells more of a 48.")],
  [172, drains(null, "xid-sram-error", "No action is named; it tells more of a 48.")],
];

export const XID_CATALOGUE: ReadonlyMap<number, XidRow> = new Map(
  [
    ...UNUSED.map((code) => [code, unused()] as const),
    ...COPY_ENGINES.map((code) => [code, programs("RESTART_APP", COPY_FAILED)] as const),
    ...VIDEO_ENGINES.map((code) => [code, programs("RESTART_APP", VIDEO_FAILED)] as const),
    ...JPEG_ENGINES.map((code) => [code, programs("RESTART_APP", JPEG_FAILED)] as const),
    ...FLOW_ENGINES.map((code) => [code, programs("RESTART_APP", FLOW_FAILED)] as const),
    ...OTHERS,
  ].toSorted(([a], [b]) => a - b),
);

function unused(): XidRow {
  const row = { action: "CONTACT_SUPPORT", effect: "note", why: UNUSED_WHY, isUnused: true } as const;
  return { ...row, ...meant("xid-unused") };
}

function programs(action: NvidiaAction, fault: ProgramFaultCode, why?: string): XidRow {
  const meaning = PROGRAM_FAULT_ENGLISH[fault].replace(" (Xid {xid}).", "");
  return { action, effect: "program-fault", meaning, reason: { fault }, ...(why !== undefined && { why }) };
}

function noted(action: NvidiaAction, phrase: MeaningCode, why?: string): XidRow {
  return { action, effect: "note", ...meant(phrase), ...(why !== undefined && { why }) };
}

function drains(action: NvidiaAction, phrase: MeaningCode, why: string): XidRow {
  return { action, effect: "drain", ...meant(phrase), why };
}

/** What its line says decides; the row is for one that cannot be read. */
function decoded(action: NvidiaAction, meaning: string, why: string): XidRow {
  return { action, effect: "drain", meaning, reason: null, why };
}

function resets(phrase: MeaningCode): XidRow {
  return { action: "RESET_GPU", effect: "reset", ...meant(phrase) };
}

function ignored(phrase: MeaningCode): XidRow {
  return { action: "IGNORE", effect: "ignore", ...meant(phrase) };
}

function meant(phrase: MeaningCode): Pick<XidRow, "meaning" | "reason"> {
  return { meaning: XID_MEANING_ENGLISH[phrase], reason: { phrase } };
}
