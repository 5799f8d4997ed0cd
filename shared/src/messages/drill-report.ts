/**
 * The certificate of a drill: which faults were played on a host under a canary workload, what came of each, and on what
 * hardware, driver and release. It is signed with the host's key and says itself what of it was real and what simulated.
 */
import { z } from "zod";
import type { AnyReason } from "../reasons/parameters.ts";
import { isBounded } from "../reasons/host-reports/reported-reason.ts";
import { text } from "../values/text.ts";

/** In the order in which they are played: what may end the canary comes last. */
export const DRILL_FAULTS = [
  "agent-kill",
  "clock-jump",
  "lost-network",
  "disk-full",
  "runtime-restart",
  "lost-card",
] as const;
export type DrillFault = (typeof DRILL_FAULTS)[number];

/** `simulated`: the agent is made to see the fault, the host itself has none. */
export const DRILL_FAULT_KINDS = {
  "agent-kill": "real",
  "clock-jump": "simulated",
  "lost-network": "real",
  "disk-full": "real",
  "runtime-restart": "real",
  "lost-card": "simulated",
} as const satisfies Record<DrillFault, "real" | "simulated">;

/** An order that asks for this label lands on a host without a fresh certificate, too: it is the drill's canary. */
export const DRILL_LABEL = "drill";

export const DRILL_RESULTS = ["passed", "failed"] as const;
const MAX_DRILL_GPUS = 64;
const MAX_DOCUMENT = 16_384;

/** Of a catalogue that may be later than this side's; what shows it falls back to the code. */
const DrillReason = z
  .custom<AnyReason>((value) => isBounded(value))
  .pipe(z.object({ code: text(64), params: z.record(z.string(), z.unknown()) }));

const PlayedFault = z.object({
  fault: z.enum(DRILL_FAULTS),
  kind: z.enum(["real", "simulated"]),
  result: z.enum(DRILL_RESULTS),
  /** From its beginning until all was well again, or was given up. */
  seconds: z.number().nonnegative().max(86_400),
  /** What did not hold; null: all did. */
  reason: DrillReason.nullable().catch(null),
});
export type PlayedFault = z.infer<typeof PlayedFault>;

/** What is signed, as JSON. */
export const DrillDocument = z.object({
  hostId: text(64),
  /** The agent's, as `0.2.0`. */
  version: text(96),
  /** Of NVIDIA's driver; null where there is none. */
  driver: text(96).nullable(),
  gpus: z.array(text(96)).max(MAX_DRILL_GPUS),
  /** The instance under which it was played. */
  canary: text(96),
  /** By the host's clock. */
  startedAt: z.iso.datetime({ offset: true }),
  endedAt: z.iso.datetime({ offset: true }),
  faults: z.array(PlayedFault).max(DRILL_FAULTS.length),
});
export type DrillDocument = z.infer<typeof DrillDocument>;

/** The document's very text, with its signature in base64. */
export const SignedDrill = z.object({
  document: text(MAX_DOCUMENT),
  signature: z.string().max(128),
});
export type SignedDrill = z.infer<typeof SignedDrill>;

/** Those that a host with these GPUs can have: one without any loses none. */
export function faultsOf(gpus: readonly string[]): readonly DrillFault[] {
  return gpus.length === 0 ? DRILL_FAULTS.filter((fault) => fault !== "lost-card") : DRILL_FAULTS;
}

/** Every fault that the host can have was played, and each was survived. */
export function isDrillPassed({ faults, gpus }: Pick<DrillDocument, "faults" | "gpus">): boolean {
  return faultsOf(gpus).every((fault) =>
    faults.some((one) => one.fault === fault && one.result === "passed"),
  );
}

/** Null for what is no document of this or an earlier release. */
export function readDrillDocument(document: string): DrillDocument | null {
  try {
    const parsed = DrillDocument.safeParse(JSON.parse(document));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
