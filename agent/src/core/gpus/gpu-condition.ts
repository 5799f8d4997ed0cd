/**
 * What one answer of nvidia-smi says of a GPU beyond its values: signs of failure, what keeps new work away, and what is
 * only worth a warning. Several cells say the same; the gravest counts. What follows from it is gpu-health.ts.
 */
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
  /**
   * `open` closes the GPU and waits for a second sample; `proof` needs none (nvidia-smi's exit code says that the GPU is
   * gone); `silence` (a query that hangs) never becomes more than open, since nothing was read of the GPU.
   */
  weight: "open" | "proof" | "silence";
};

/** An error in place of a reading that a healthy card may lack. */
type Doubt = { reading: OptionalReading; code: SignCode };

type Drain = { code: DrainCode; reason: string };

export type GpuCondition = {
  sign: Sign | null;
  /** Two of them are a sign; a single one is, where the card told that reading before. */
  doubts: readonly Doubt[];
  /** Optional readings that hold a value, and nothing doubtful beside it. */
  reported: readonly OptionalReading[];
  drain: Drain | null;
  /** Sentences. */
  warnings: readonly string[];
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
const SENTENCES: readonly (readonly [SignCode, string])[] = [
  ["gpu-lost", "nvidia-smi says that the GPU is lost."],
  ["requires-reset", "nvidia-smi says that the GPU requires a reset."],
  ["recovery-reboot", "The driver asks for a reboot of the host to recover the GPU."],
  ["recovery-reset", "The driver asks for a reset of the GPU."],
  ["no-power", "The GPU's external power cables are not attached, says nvidia-smi."],
  ["no-interrupts", "The kernel sees a fault of the GPU's interrupts, says nvidia-smi."],
  ["unknown-error", "nvidia-smi reads errors in place of values from the GPU."],
  ["err", "nvidia-smi shows ERR! in place of values of the GPU."],
  ["fabric-unhealthy", "The GPU's NVLink fabric is unhealthy."],
  ["fabric-in-progress", "The GPU is not yet part of its NVLink fabric: no CUDA program can run on it."],
  ["no-answer", "nvidia-smi answers for other GPUs of this host and not for this one."],
];
const READING_WORDS: Readonly<Record<OptionalReading, string>> = {
  power: "power",
  utilization: "utilization",
  errors: "memory errors",
  repairs: "memory repairs",
};
const DRAIN_SENTENCES: Readonly<Record<DrainCode, string>> = {
  "recovery-drain-p2p": "The driver asks that the GPU's traffic to other GPUs be drained.",
  "recovery-drain-and-reset": "The driver asks that the GPU be drained and then reset.",
};

export function signOf(code: SignCode, weight: Sign["weight"] = "open"): Sign {
  const reason = SENTENCES.find(([known]) => known === code)?.[1] ?? "";
  return { code, reason, weight };
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
    drain: drain === undefined ? null : { code: drain, reason: DRAIN_SENTENCES[drain] },
    warnings: distinct([
      ...meanings.flatMap(({ meaning }) => (meaning.kind === "warning" ? [meaning.reason] : [])),
      ...doubts.map(({ reading }) => `nvidia-smi shows an error in place of its ${READING_WORDS[reading]}.`),
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
    warnings: distinct([...one.warnings, ...other.warnings]),
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

/** A proof goes before all; else the order of the sentences. */
function gravest(signs: readonly Sign[]): Sign | null {
  const rank = ({ code, weight }: Sign) =>
    SENTENCES.findIndex(([known]) => known === code) - (weight === "proof" ? SENTENCES.length : 0);
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

function distinct(words: readonly string[]): string[] {
  return [...new Set(words)];
}
