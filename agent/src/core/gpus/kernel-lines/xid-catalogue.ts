/**
 * What each Xid means for the GPU's service. The numbers, what they stand for and the actions are NVIDIA's ("Analyzing
 * Xid Catalog", https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html: 172 numbers, each with an immediate
 * action, eleven of them with none); the words and the effects are ours. An effect is the stricter of what NVIDIA's
 * action asks for and of what was decided here before; where it is neither, the row says why. A number that is not here
 * is a note, and operators are alarmed.
 */
import { PROGRAM_FAULT_ENGLISH } from "@remotegpu/shared/reasons/host-reports/english/kernel";
import type { PROGRAM_FAULT_CODES } from "@remotegpu/shared/reasons/host-reports/codes/kernel";
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

export type XidRow = {
  action: NvidiaAction;
  effect: KernelEffect;
  /** A phrase; of a `program-fault` a sentence to whose program it was, without its stop. */
  meaning: string;
  /** Of a `program-fault`: the reason to whose program it was. */
  fault?: ProgramFaultCode;
  /** Why the effect is not simply what the action asks for; absent where it is. */
  why?: string;
  /** NVIDIA lists the number as unused, so that nobody knows what it would mean. */
  isUnused?: true;
};

const IS_UNUSED = "a number that NVIDIA lists as unused";
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
  [14, ignored("a test message of the driver")],
  [25, programs("RESTART_APP", BROKEN_COMMANDS)],
  [31, programs("RESTART_APP", "program-memory-foreign")],
  [32, programs("RESTART_APP", BROKEN_COMMANDS)],
  [37, noted("IGNORE", "the GPU's firmware was asked for what it does not know")],
  [38, noted("IGNORE", "the GPU's firmware was slow")],
  [
    43,
    programs(
      "IGNORE",
      "program-work-ended",
      "The GPU is well, but the program has lost its work and its people should know why.",
    ),
  ],
  [44, noted("IGNORE", "a fault while the GPU switched between programs")],
  [45, programs("WORKFLOW_XID_45", "program-work-ended-early")],
  [46, resets("the GPU stopped processing")],
  [
    48,
    drains(
      "WORKFLOW_XID_48",
      "an uncorrectable memory error",
      "The workflow asks for a reset when the programs have ended; what the error hit was told to them.",
    ),
  ],
  [
    54,
    drains(
      "CHECK_MECHANICALS",
      "a power cable of the GPU is not connected",
      "It works on at lower clocks until somebody has been there.",
    ),
  ],
  [62, resets("the card's own controller halted")],
  [63, noted("IGNORE", "a memory row or page was marked for replacement")],
  [64, resets("a memory row or page could not be replaced")],
  [66, noted("IGNORE", "the driver made an illegal access")],
  [67, noted("IGNORE", "the driver made an illegal access")],
  [69, programs("RESTART_APP", "program-graphics-misused")],
  [
    74,
    drains("WORKFLOW_NVLINK_ERR", "an NVLink error", "The workflow may end with a reset, once nothing runs."),
  ],
  [78, noted("UPDATE_SWFW", "a virtual GPU could not be started", "No virtual GPUs are sold here.")],
  [79, { action: "RESTART_BM", effect: "reboot", meaning: "the GPU fell off the bus" }],
  [80, programs("RESTART_APP", BROKEN_COMMANDS)],
  [92, noted("IGNORE", "many correctable memory errors")],
  [93, noted("IGNORE", "the card's own storage is written too often")],
  [
    94,
    drains(
      "RESTART_APP",
      "an uncorrectable memory error that hit one program only",
      "The memory is bad all the same, and its repair takes a reset.",
    ),
  ],
  [95, resets("an uncorrectable memory error that may have hit every program")],
  [106, ignored("a test message of the management controller")],
  [107, ignored("a test message of the management controller")],
  [108, noted("IGNORE", "a number that NVIDIA lists as unused, of NVLink")],
  [109, resets("switching between programs timed out")],
  [110, resets("a security fault stopped the card")],
  [119, resets("the card's system processor does not answer")],
  [120, resets("the card's system processor failed")],
  [121, noted("IGNORE", "a corrected error on the link to the processor")],
  [136, resets("an NVLink did not come up")],
  [137, noted("IGNORE", "an access over NVLink that was not allowed")],
  [140, resets("an uncorrectable memory error that was not recovered from")],
  [141, noted("IGNORE", "an error of a fast path of CUDA")],
  [
    142,
    programs(
      "CONTACT_SUPPORT",
      "program-video-failed",
      "The other video engines' errors ask for a new start of the program.",
    ),
  ],
  [143, resets("the card could not be initialised")],
  [144, drains("WORKFLOW_NVLINK5_ERR", "an NVLink error (SAW)", isDecoded)],
  [145, drains("WORKFLOW_NVLINK5_ERR", "an NVLink error (RLW)", isDecoded)],
  [146, drains("WORKFLOW_NVLINK5_ERR", "an NVLink error (TLW)", isDecoded)],
  [147, drains("WORKFLOW_NVLINK5_ERR", "an NVLink error (TREX)", isDecoded)],
  [148, drains("WORKFLOW_NVLINK5_ERR", "an NVLink error (NVLPW)", isDecoded)],
  [149, drains("WORKFLOW_NVLINK5_ERR", "an NVLink error (NETIR)", isDecoded)],
  [150, drains("WORKFLOW_NVLINK5_ERR", "an NVLink error (MSE)", isDecoded)],
  [
    151,
    {
      action: "RESTART_VM",
      effect: "reboot",
      meaning: "the keys of a protected GPU could not be changed",
      why: "The host is what would be the virtual machine.",
    },
  ],
  [152, noted("IGNORE", "a memory fault of the deep learning accelerator")],
  [153, noted("IGNORE", "the deep learning accelerator timed out")],
  [
    154,
    drains(
      "XID_154",
      "the recovery that the GPU needs has changed",
      "Its line says which, and that is done.",
    ),
  ],
  [155, resets("an NVLink error of its software")],
  [156, resets("a part of the GPU was retired")],
  [157, noted("IGNORE", "a part of the GPU could not be retired")],
  [158, resets("the GPU timed out for good")],
  [
    159,
    drains(
      "CHECK_UVM",
      "an error on the link to the processor that carries no data",
      "It takes a look by hand, which new work waits for.",
    ),
  ],
  [160, noted("IGNORE", "a channel of the GPU was retired")],
  [161, noted("IGNORE", "a channel of the GPU could not be retired")],
  [162, noted(null, "the smoothing of its power is on again", "No action is named; it works.")],
  [163, noted(null, "the smoothing of its power is off", "No action is named; it works.")],
  [
    164,
    noted(
      null,
      "what smooths its power will wear out soon",
      "No action is named; it works, and says so early.",
    ),
  ],
  [
    165,
    drains(
      null,
      "what smooths its power is worn out",
      "No action is named; somebody should look before new work.",
    ),
  ],
  [166, drains(null, "unencrypted traffic on an NVLink that must be encrypted", isConfidential)],
  [
    167,
    {
      action: null,
      effect: "reset",
      meaning: "the GPU no longer answers on PCIe",
      why: "No action is named. It is fatal by its name, and what does not answer computes nothing.",
    },
  ],
  [
    168,
    drains(null, "the GPU has less memory than it should", "No action is named; it is sold by its memory."),
  ],
  [
    169,
    {
      action: null,
      effect: "reset",
      meaning: "the card's security controller halted",
      why: "No action is named. A halt of another controller, 62, asks for a reset.",
    },
  ],
  [170, drains(null, "an interrupt that must not come while the GPU is protected", isConfidential)],
  [
    171,
    drains(null, "an uncorrectable error of the GPU's DRAM", "No action is named; it tells more of a 48."),
  ],
  [
    172,
    drains(null, "an uncorrectable error of the GPU's SRAM", "No action is named; it tells more of a 48."),
  ],
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
  return { action: "CONTACT_SUPPORT", effect: "note", meaning: IS_UNUSED, why: UNUSED_WHY, isUnused: true };
}

function programs(action: NvidiaAction, fault: ProgramFaultCode, why?: string): XidRow {
  const meaning = PROGRAM_FAULT_ENGLISH[fault].replace(" (Xid {xid}).", "");
  return { action, effect: "program-fault", meaning, fault, ...(why !== undefined && { why }) };
}

function noted(action: NvidiaAction, meaning: string, why?: string): XidRow {
  return { action, effect: "note", meaning, ...(why !== undefined && { why }) };
}

function drains(action: NvidiaAction, meaning: string, why: string): XidRow {
  return { action, effect: "drain", meaning, why };
}

function resets(meaning: string): XidRow {
  return { action: "RESET_GPU", effect: "reset", meaning };
}

function ignored(meaning: string): XidRow {
  return { action: "IGNORE", effect: "ignore", meaning };
}
