/**
 * What nvidia-smi's words mean, reading by reading. A cell holds a value, says that the card does not support the
 * reading, or is a sign of failure. This is the one table of such words; where a word was seen stands beside it, and what
 * stands in no row closes nothing unless the reading is one that every healthy card has.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";

/** The stable names of what closes a GPU, as reports and API show them. */
export type SignCode =
  | "requires-reset"
  | "gpu-lost"
  | "unknown-error"
  | "err"
  | "recovery-reset"
  | "recovery-reboot"
  | "fabric-in-progress"
  | "fabric-unhealthy"
  | "no-power"
  | "no-interrupts"
  | "no-answer";

export type DrainCode = "recovery-drain-p2p" | "recovery-drain-and-reset";

/** `value` also stands for a word that says that all is well. */
export type WordMeaning =
  | { kind: "value" }
  | { kind: "not-supported" }
  | { kind: "sign"; code: SignCode }
  | { kind: "drain"; code: DrainCode }
  | { kind: "warning"; why: HostReason }
  /** A word that is in no table. */
  | { kind: "unknown"; word: string };

export type ReadingName = keyof typeof READINGS;

type Row = {
  /** A `number` with or without its unit; a `word`, of which those with a meaning are listed; or any `text`. */
  holds: "number" | "word" | "text";
  words?: Readonly<Record<string, WordMeaning>>;
  /** What a word means that is not listed; where nothing is said here it is only noted. */
  otherwise?: WordMeaning;
};

/**
 * The same in every reading. Sources: "GPU is lost" nvidia-smi 580.65.06 over a library that plays a lost card (NVIDIA's
 * k8s-test-infra); "GPU requires reset" an H100 in use, in temperature and utilisation; "Unknown Error" and "ERR!" cards
 * in use, several generations. Healthy cards: "N/A" all, "Not Supported" drivers up to 470, "Insufficient Permissions"
 * B200 and GB200, "Requested functionality has been deprecated" H100 (driver 580), "Deprecated, see …" driver 610.
 */
const EVERYWHERE: readonly (readonly [RegExp, WordMeaning])[] = [
  [/^gpu is lost\b/, { kind: "sign", code: "gpu-lost" }],
  [/^gpu requires (a )?reset\b/, { kind: "sign", code: "requires-reset" }],
  [/^unknown error$/, { kind: "sign", code: "unknown-error" }],
  [/^err!$/, { kind: "sign", code: "err" }],
  [/^(n\/a|not supported|insufficient permissions|)$/, { kind: "not-supported" }],
  [/^requested functionality\b/, { kind: "not-supported" }],
  [/^deprecated\b/, { kind: "not-supported" }],
];

const NUMBER = /^\s*\[?-?\d/;
const VALUE: WordMeaning = { kind: "value" };
/** Every healthy card of the records has a number here, so that a word nobody knows in its place is a sign. */
const ALWAYS_THERE = { holds: "number", otherwise: { kind: "sign", code: "unknown-error" } } as const;
const UNHEALTHY: WordMeaning = { kind: "sign", code: "fabric-unhealthy" };
const IN_PROGRESS: WordMeaning = { kind: "sign", code: "fabric-in-progress" };
const warning = (why: HostReason): WordMeaning => ({ kind: "warning", why });

/** Words are in small letters and without brackets. */
const READINGS = {
  /** `uuid`, `product_name`. */
  identity: { holds: "text" },
  "memory-total": ALWAYS_THERE,
  "memory-used": ALWAYS_THERE,
  /** "N/A" while the GPU is cut up by MIG. */
  utilization: { holds: "number" },
  temperature: ALWAYS_THERE,
  power: { holds: "number" },
  /** Counts of uncorrectable errors. */
  errors: { holds: "number" },
  /** Yes or No, and what a branch says that should hold them. */
  repairs: { holds: "text" },
  "mig-mode": { holds: "text" },
  /** `gpu_recovery_action`, driver 570 and later; its five words are those of NVML's nvmlDeviceGpuRecoveryAction_t. */
  "recovery-action": {
    holds: "word",
    words: {
      none: VALUE,
      reset: { kind: "sign", code: "recovery-reset" },
      reboot: { kind: "sign", code: "recovery-reboot" },
      "drain p2p": { kind: "drain", code: "recovery-drain-p2p" },
      "drain and reset": { kind: "drain", code: "recovery-drain-and-reset" },
    },
  },
  /** `fabric/state`. Until it is completed CUDA answers error 802 and nothing runs. */
  "fabric-state": {
    holds: "word",
    words: { completed: VALUE, "in progress": IN_PROGRESS, "not started": IN_PROGRESS },
  },
  /** `fabric/status`, valid only once the state is completed: success, or the error with which that ended. */
  "fabric-status": { holds: "word", words: { success: VALUE }, otherwise: UNHEALTHY },
  /** `fabric/health/summary`, B200 and GB200; "N/A" on H100 and H200. */
  "fabric-health": {
    holds: "word",
    words: {
      healthy: VALUE,
      unhealthy: UNHEALTHY,
      "limited capacity": warning({ code: "gpu-fabric-capacity-limited", params: {} }),
    },
  },
  /** `fabric/health/route_unhealthy`, which counts where there is no summary. */
  "fabric-route": { holds: "word", words: { false: VALUE, true: UNHEALTHY } },
  "fabric-bandwidth": {
    holds: "word",
    words: { full: VALUE, degraded: warning({ code: "gpu-fabric-bandwidth-degraded", params: {} }) },
  },
} as const satisfies Record<string, Row>;

/** Readings that a healthy card may lack; some consumer cards show an error in place of one of them all their life. */
export const OPTIONAL_READINGS = ["power", "utilization", "errors", "repairs"] as const;
export type OptionalReading = (typeof OPTIONAL_READINGS)[number];

/** The reading, where an error in its place may only mean that the card lacks it; null where it is a sign by itself. */
export function doubtfulReading(reading: ReadingName, code: SignCode): OptionalReading | null {
  if (code !== "unknown-error" && code !== "err") return null;
  return OPTIONAL_READINGS.find((each) => each === reading) ?? null;
}

/** Null and undefined: the driver has no such reading. */
export function meaningOf(reading: ReadingName, cell: string | null | undefined): WordMeaning {
  const row: Row = READINGS[reading];
  // Most cells, and no word of any table begins like a number.
  if (row.holds === "number" && NUMBER.test(cell ?? "")) return VALUE;
  const isBracketed = /^\s*\[.*\]\s*$/.test(cell ?? "");
  const word = wordOf(cell);
  const common = meaningEverywhere(word);
  if (common !== null) return common;
  switch (row.holds) {
    case "number":
      return unknownIn(row, word);
    case "word":
      return inTable(row, word) ?? unknownIn(row, word);
    case "text":
      return isBracketed ? unknownIn(row, word) : VALUE;
  }
}

/** What a word means wherever it stands, also after "Unable to determine the device handle for GPU …:"; else null. */
export function meaningEverywhere(word: string): WordMeaning | null {
  return EVERYWHERE.find(([pattern]) => pattern.test(wordOf(word)))?.[1] ?? null;
}

/** A value, or nothing: the words of the table and bracketed ones are none. */
export function isReportedText(cell: string): boolean {
  return meaningOf("identity", cell).kind === "value";
}

/** A cell may hold what every object has, such as "constructor": no word of any table. */
function inTable({ words = {} }: Row, word: string): WordMeaning | undefined {
  return Object.hasOwn(words, word) ? words[word] : undefined;
}

function unknownIn(row: Row, word: string): WordMeaning {
  return row.otherwise ?? { kind: "unknown", word };
}

/** Small letters, without brackets and doubled blanks. */
function wordOf(cell: string | null | undefined): string {
  const inner = /^\s*\[(.*)\]\s*$/s.exec(cell ?? "")?.[1] ?? cell ?? "";
  return inner.trim().replaceAll(/\s+/g, " ").toLowerCase();
}
