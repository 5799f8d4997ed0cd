/**
 * How errors of NVLink 5 (Xids 144 to 150) are judged: by the unit that met them, which the first number of the line
 * names besides, and by the error status, its second number. The facts are NVIDIA's ("Analyzing Xid Catalog", the decode of
 * Xids 144 to 150). The unit stands in the lowest ten bits of the first number in drivers of the first layout (six numbers
 * a line), in the lowest seven in those of the second; bits 20 to 25 are the cause of a link that went down.
 */
import type { KernelEffect } from "./kernel-finding.ts";

/** What NVIDIA asks for: `waits` for the Xid 154 that follows; `down` is to be ignored, though a link is down. */
type Resolution = "ignore" | "waits" | "reset" | "down";

type Unit = {
  xid: number;
  /** As lines name it. */
  names: readonly string[];
  firstLayout: number;
  secondLayout: number;
  /** Error statuses, or of a unit that `tellsCause` the causes. */
  resolutions: Partial<Record<Resolution, readonly number[]>>;
  /** Its error status is always 0; what differs are the bits of the cause. */
  reportsCause?: true;
};

/** Several flags may be set at once up to this Xid; the statuses of 149 and 150 are plain numbers. */
const LAST_WITH_FLAGS = 148;
const FIRST_LAYOUT_BITS = 0x3ff;
const SECOND_LAYOUT_BITS = 0x7f;
const CAUSE_SHIFT = 20;
const CAUSE_BITS = 0x3f;
const INJECTED = 0x8000_0000;

const UNITS: readonly Unit[] = [
  {
    xid: 144,
    names: ["SAW_MVB"],
    firstLayout: 0b00_0010_0001,
    secondLayout: 0b000_0001,
    resolutions: { ignore: [0x1, 0x4, 0x8, 0x20], reset: [0x2, 0x10] },
  },
  {
    xid: 145,
    names: ["RLW_CTRL"],
    firstLayout: 0b00_0110_0010,
    secondLayout: 0b000_0011,
    resolutions: { ignore: [INJECTED] },
  },
  {
    xid: 145,
    names: ["RLW_REMAP"],
    firstLayout: 0b00_1000_0010,
    secondLayout: 0b000_0100,
    resolutions: {
      waits: [0x1, 0x2, 0x4, 0x8, 0x10, 0x20],
      reset: [0x40, 0x80],
      ignore: [0x100, 0x200, INJECTED],
    },
  },
  {
    xid: 145,
    names: ["RLW_RSPCOL"],
    firstLayout: 0b00_1010_0010,
    secondLayout: 0b000_0101,
    resolutions: { ignore: [0x1, INJECTED], reset: [0x2] },
  },
  {
    xid: 145,
    names: ["RLW_RXPIPE"],
    firstLayout: 0b00_1100_0010,
    secondLayout: 0b000_0110,
    resolutions: { ignore: [0x8, INJECTED] },
  },
  {
    xid: 145,
    names: ["RLW_SRC_TRACK"],
    firstLayout: 0b00_1110_0010,
    secondLayout: 0b000_0111,
    resolutions: { reset: [0x1, 0x10, 0x20], ignore: [0x2, INJECTED], waits: [0x4, 0x8] },
  },
  {
    xid: 145,
    names: ["RLW_TAGSTATE"],
    firstLayout: 0b01_0000_0010,
    secondLayout: 0b000_1000,
    resolutions: { ignore: [0x1, 0x1_0000, INJECTED], reset: [0x2, 0x2_0000, 0x10_0000] },
  },
  transmitter(["TLW_CTRL"], 0b01_0010_0011, 0b000_1001),
  transmitter(["TLW_RX", "TLW_RX_PIPE0"], 0b01_0100_0011, 0b000_1010),
  transmitter(["TLW_RX", "TLW_RX_PIPE1"], 0b01_0100_0011, 0b000_1011),
  transmitter(["TLW_TX", "TLW_TX_PIPE0"], 0b01_0110_0011, 0b000_1100),
  transmitter(["TLW_TX", "TLW_TX_PIPE1"], 0b01_0110_0011, 0b000_1101),
  {
    xid: 147,
    names: ["TREX"],
    firstLayout: 0b01_1000_0100,
    secondLayout: 0b000_1110,
    resolutions: { ignore: [0x1, INJECTED] },
  },
  {
    xid: 148,
    names: ["NVLPW_CTRL", "NVLPW"],
    firstLayout: 0b00_0000_0101,
    secondLayout: 0b000_1111,
    resolutions: { ignore: [INJECTED] },
  },
  {
    xid: 149,
    names: ["NETIR", "NETIR_INT"],
    firstLayout: 0b00_0000_0110,
    secondLayout: 0b001_1000,
    resolutions: { reset: [0x0] },
  },
  {
    xid: 149,
    names: ["NETIR_BER_EVENT"],
    firstLayout: 0b10_0010_0110,
    secondLayout: 0b001_0011,
    resolutions: { ignore: [0x0, 0x1, 0x2, 0x3] },
  },
  {
    xid: 149,
    names: ["NETIR_LINK_EVT", "NETIR_LINK_DOWN"],
    firstLayout: 0b01_1100_0110,
    secondLayout: 0b001_0001,
    reportsCause: true,
    resolutions: {
      reset: [
        0b00_0000, 0b00_0001, 0b00_0010, 0b00_0100, 0b00_1010, 0b00_1111, 0b01_0000, 0b01_0001, 0b01_0010,
        0b01_0101, 0b01_0110, 0b10_0000, 0b10_0001, 0b10_0010, 0b10_0011, 0b10_0100, 0b10_0101, 0b10_1010,
        0b10_1011,
      ],
      down: [0b10_0110, 0b10_1000],
    },
  },
  {
    xid: 149,
    names: ["NETIR_MFDE_EVENT"],
    firstLayout: 0b10_0100_0110,
    secondLayout: 0b001_0100,
    resolutions: { reset: [0x1, 0x4, 0x5, 0x7], ignore: [0x3] },
  },
  {
    xid: 150,
    names: ["MSE_WATCHDOG"],
    firstLayout: 0,
    secondLayout: 0,
    resolutions: { reset: [0x0] },
  },
];

/** A link that is down while nothing is to be done takes nothing new: what runs knows of it already. */
const EFFECT_OF = { ignore: "note", waits: "note", down: "drain", reset: "reset" } as const satisfies Record<
  Resolution,
  KernelEffect
>;
const GRAVEST_FIRST = ["reset", "down", "waits", "ignore"] as const satisfies readonly Resolution[];

export type Nvlink5Error = {
  xid: number;
  unit: string;
  /** The first two numbers of the line, of 32 bits. */
  info: number;
  status: number;
};

/** Null where the table knows nothing of it, or not of all that it says. */
export function nvlink5Effect(error: Nvlink5Error): KernelEffect | null {
  const unit = UNITS.find((one) => isOf(one, error));
  if (unit === undefined) return null;
  const cause = (error.info >>> CAUSE_SHIFT) & CAUSE_BITS;
  if (unit.reportsCause === true) return error.status === 0 ? effectOf(unit, cause) : null;
  if (cause !== 0) return null;
  return (
    effectOf(unit, error.status) ?? (error.xid <= LAST_WITH_FLAGS ? effectOfFlags(unit, error.status) : null)
  );
}

function isOf({ xid, names, firstLayout, secondLayout }: Unit, error: Nvlink5Error): boolean {
  const isNamed = error.unit.split("/").some((name) => names.includes(name));
  const isFirst = (error.info & FIRST_LAYOUT_BITS) === firstLayout;
  const isSecond = (error.info & SECOND_LAYOUT_BITS) === secondLayout;
  return xid === error.xid && isNamed && (isFirst || isSecond);
}

function effectOf({ resolutions }: Unit, code: number): KernelEffect | null {
  const found = GRAVEST_FIRST.find((resolution) => resolutions[resolution]?.includes(code));
  return found === undefined ? null : EFFECT_OF[found];
}

/** The gravest of several; one that nobody knows may be graver still. */
function effectOfFlags(unit: Unit, status: number): KernelEffect | null {
  const flags = Array.from({ length: 32 }, (_, bit) => 2 ** bit).filter((flag) => (status & flag) !== 0);
  const effects = flags.map((flag) => effectOf(unit, flag));
  if (effects.length === 0 || effects.includes(null)) return null;
  return effects.includes("reset") ? "reset" : "note";
}

/** The units that send are alike in their errors. */
function transmitter(names: readonly string[], firstLayout: number, secondLayout: number): Unit {
  const resolutions = { ignore: [0x1, 0x2, INJECTED], reset: [0x4] };
  return { xid: 146, names, firstLayout, secondLayout, resolutions };
}
