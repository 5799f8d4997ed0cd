/**
 * What one answer of nvidia-smi says of a GPU beyond its values: signs of failure, what keeps new work away, and what is
 * only worth a warning. Several cells say the same; the gravest counts. What follows from it is gpu-health.ts.
 */
import type { GPU_SIGN_CODES } from "@remotegpu/shared/reasons/host-reports/codes/gpus";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { explained, textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import {
  doubtfulReading,
  meaningOf,
  OPTIONAL_READINGS,
  type DrainCode,
  type OptionalReading,
  type ReadingName,
  type SignCode,
} from "./gpu-readings.ts";

/** A sign of failure as one sample shows it. */
export type Sign = {
  code: SignCode;
  /** A sentence. */
  reason: string;
  /** The same as a code. */
  why: HostReason;
  /**
   * `open` closes the GPU and waits for a second sample; `proof` needs none (nvidia-smi's exit code says that the GPU is
   * gone); `silence` (a query that hangs) never becomes more than open, since nothing was read of the GPU.
   */
  weight: "open" | "proof" | "silence";
};

/** An error in place of a reading that a healthy card may lack. */
type Doubt = { reading: OptionalReading; code: SignCode };

type Drain = { code: DrainCode; reason: string; why: HostReason };

export type GpuCondition = {
  sign: Sign | null;
  /** Two of them are a sign; a single one is, where the card told that reading before. */
  doubts: readonly Doubt[];
  /** Optional readings that hold a value, and nothing doubtful beside it. */
  reported: readonly OptionalReading[];
  drain: Drain | null;
  warnings: readonly HostReason[];
  /** Words that no table knows, to be noted: `READING: WORD`. */
  unknownWords: readonly string[];
  /** The GPU says that it is, or becomes, part of a fabric of NVLink switches. */
  hasFabric: boolean;
};

/** Cells of one GPU, each with the reading that it belongs to. */
export type Cells = readonly (readonly [ReadingName, string | null | undefined])[];

export const NO_FINDINGS: GpuCondition = {
  sign: null,
  doubts: [],
  reported: [],
  drain: null,
  warnings: [],
  unknownWords: [],
  hasFabric: false,
};

/** From the gravest on. */
const SIGNS: Readonly<Record<SignCode, keyof typeof GPU_SIGN_CODES>> = {
  "gpu-lost": "gpu-lost",
  "requires-reset": "gpu-requires-reset",
  "recovery-reboot": "gpu-recovery-reboot",
  "recovery-reset": "gpu-recovery-reset",
  "no-power": "gpu-without-power",
  "no-interrupts": "gpu-interrupts-faulty",
  "unknown-error": "gpu-values-unknown-error",
  err: "gpu-values-err",
  "fabric-unhealthy": "gpu-fabric-unhealthy",
  "fabric-in-progress": "gpu-fabric-in-progress",
  "no-answer": "gpu-without-answer",
};
const GRAVEST_FIRST = Object.keys(SIGNS);
const UNREADABLE: Readonly<Record<OptionalReading, HostReason>> = {
  power: { code: "gpu-power-unreadable", params: {} },
  utilization: { code: "gpu-utilization-unreadable", params: {} },
  errors: { code: "gpu-memory-errors-unreadable", params: {} },
  repairs: { code: "gpu-memory-repairs-unreadable", params: {} },
};
const DRAINS: Readonly<Record<DrainCode, keyof typeof GPU_SIGN_CODES>> = {
  "recovery-drain-p2p": "gpu-recovery-drain-p2p",
  "recovery-drain-and-reset": "gpu-recovery-drain-and-reset",
};

export function signOf(code: SignCode, weight: Sign["weight"] = "open"): Sign {
  return { code, ...explained({ code: SIGNS[code], params: {} }), weight };
}

export function conditionOf(cells: Cells): GpuCondition {
  const meanings = cellsThatCount(cells).map(([reading, cell]) => ({
    reading,
    meaning: meaningOf(reading, cell),
  }));
  const errors = meanings.flatMap(({ reading, meaning }) =>
    meaning.kind === "sign" ? [{ code: meaning.code, optional: doubtfulReading(reading, meaning.code) }] : [],
  );
  const codes = errors.flatMap(({ code, optional }) => (optional === null ? [code] : []));
  const doubts = distinctDoubts(
    errors.flatMap(({ code, optional }) => (optional === null ? [] : [{ reading: optional, code }])),
  );
  const values = meanings.flatMap(({ reading, meaning }) => (meaning.kind === "value" ? [reading] : []));
  const [drain] = meanings.flatMap(({ meaning }) => (meaning.kind === "drain" ? [meaning.code] : []));
  const state = meanings.find(({ reading }) => reading === "fabric-state");
  return {
    sign: gravest([...codes.map((code) => signOf(code)), ...agreeing(doubts)]),
    doubts,
    reported: undoubted(values, doubts),
    drain: drain === undefined ? null : { code: drain, ...explained({ code: DRAINS[drain], params: {} }) },
    warnings: eachOnce([
      ...meanings.flatMap(({ meaning }) => (meaning.kind === "warning" ? [meaning.why] : [])),
      ...doubts.map(({ reading }) => UNREADABLE[reading]),
    ]),
    unknownWords: distinct(
      meanings.flatMap(({ reading, meaning }) =>
        meaning.kind === "unknown" ? [`${reading}: ${meaning.word.slice(0, 40)}`] : [],
      ),
    ),
    hasFabric: state !== undefined && (state.meaning.kind === "value" || isFabricSign(state.meaning)),
  };
}

/** What two answers say of one GPU, CSV and XML. */
export function bothConditions(one: GpuCondition, other: GpuCondition): GpuCondition {
  const doubts = distinctDoubts([...one.doubts, ...other.doubts]);
  return {
    sign: gravest([...[one.sign, other.sign].filter((sign) => sign !== null), ...agreeing(doubts)]),
    doubts,
    reported: undoubted([...one.reported, ...other.reported], doubts),
    drain: one.drain ?? other.drain,
    warnings: eachOnce([...one.warnings, ...other.warnings]),
    unknownWords: distinct([...one.unknownWords, ...other.unknownWords]),
    hasFabric: one.hasFabric || other.hasFabric,
  };
}

/** The sign of a card that told these readings before: what it can read, and no longer does, is no lack. */
export function signOfOne(
  { sign, doubts }: GpuCondition,
  reportedBefore: readonly OptionalReading[],
): Sign | null {
  const lost = doubts.filter(({ reading }) => reportedBefore.includes(reading));
  return sign ?? gravest(lost.map(({ code }) => signOf(code)));
}

/** Signs by doubts about more than one reading. */
function agreeing(doubts: readonly Doubt[]): Sign[] {
  const isAgreed = new Set(doubts.map(({ reading }) => reading)).size > 1;
  return isAgreed ? doubts.map(({ code }) => signOf(code)) : [];
}

function undoubted(values: readonly ReadingName[], doubts: readonly Doubt[]): OptionalReading[] {
  return OPTIONAL_READINGS.filter(
    (each) => values.includes(each) && !doubts.some(({ reading }) => reading === each),
  );
}

function distinctDoubts(doubts: readonly Doubt[]): Doubt[] {
  return [...new Map(doubts.map((doubt) => [`${doubt.reading} ${doubt.code}`, doubt])).values()];
}

/** A proof goes before all; else the order of the table. */
function gravest(signs: readonly Sign[]): Sign | null {
  const rank = ({ code, weight }: Sign) =>
    GRAVEST_FIRST.indexOf(code) - (weight === "proof" ? GRAVEST_FIRST.length : 0);
  return signs.toSorted((a, b) => rank(a) - rank(b))[0] ?? null;
}

/**
 * The status of a fabric is valid only once its state is completed, and any word but success is an error then; a route
 * counts only where there is no summary.
 */
function cellsThatCount(cells: Cells): Cells {
  const meaningIn = (name: ReadingName) => {
    const cell = cells.find(([reading]) => reading === name);
    return cell === undefined ? null : meaningOf(name, cell[1]).kind;
  };
  const isCompleted = meaningIn("fabric-state") === "value";
  const hasSummary = meaningIn("fabric-health") !== null && meaningIn("fabric-health") !== "not-supported";
  return cells.flatMap(([reading, cell]): Cells[number][] => {
    if (reading === "fabric-status") return isCompleted ? [[reading, cell]] : [];
    if (reading === "fabric-route") return hasSummary ? [] : [[reading, cell]];
    return [[reading, cell]];
  });
}

function isFabricSign(meaning: ReturnType<typeof meaningOf>): boolean {
  return meaning.kind === "sign" && meaning.code === "fabric-in-progress";
}

/** Those of one text are one. */
export function eachOnce(reasons: readonly HostReason[]): HostReason[] {
  return [...new Map(reasons.map((reason) => [textOf(reason), reason])).values()];
}

function distinct(words: readonly string[]): string[] {
  return [...new Set(words)];
}
