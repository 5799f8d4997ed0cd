/**
 * What is remembered of the cards over restarts of the agent: cordons, cards that were there, how far the kernel log
 * was heeded. Good for one boot, since a boot resets cards and begins the log anew; of a boot that has ended only those stay
 * that were not well, for the bill of what ran on them. It only spares new judgements, so a file that is missing or cannot
 * be read is none.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { GpuFault, KernelNote, MAX_KERNEL_NOTES } from "@remotegpu/shared/instance/gpu-errors";
import { GpuCordon } from "@remotegpu/shared/messages/host-report";
import { ReportedReason } from "@remotegpu/shared/reasons/host-reports/reported-reason";
import { BootId, GpuUuid, RunId } from "@remotegpu/shared/values/ids";
import type { CardState } from "../../core/gpus/gpu-health.ts";
import { OPTIONAL_READINGS } from "../../core/gpus/gpu-readings.ts";
import { MAX_FAULTS } from "../../core/gpus/program-faults.ts";

const Card: z.ZodType<CardState> = z.object({
  uuid: GpuUuid,
  busKey: z.string().nullable(),
  eccUncorrected: z.number().nullable(),
  hasTold: z.boolean(),
  // Agents of before remembered none; the next sample tells them again.
  toldReadings: z.array(z.enum(OPTIONAL_READINGS)).readonly().catch([]),
  cordon: GpuCordon.extend({
    isGone: z.boolean(),
    code: z.string().optional(),
    reason: z.string(),
    why: ReportedReason,
  })
    // Agents of before remembered no code.
    .transform((cordon) => ({ ...cordon, code: cordon.code ?? codeOfReason(cordon) }))
    .nullable(),
  sign: z
    .object({ code: z.string(), reason: z.string(), why: ReportedReason, isEvidence: z.boolean() })
    .nullable()
    .default(null),
  hindrance: z.object({ code: z.string(), reason: z.string(), why: ReportedReason }).nullable().default(null),
  isSwitched: z.boolean().default(false),
  cordons: z.int().nonnegative(),
  goodInARow: z.int().nonnegative(),
  lastGoodMs: z.number().nullable(),
});
/** Of boots that have ended; beyond it those of the earliest are forgotten. */
const MAX_FORMER_CARDS = 256;

const GpuMemory = z.object({
  bootId: BootId,
  /** The last record of the kernel log that was heeded; null when none has a number. */
  kernelSeq: z.int().nonnegative().nullable(),
  /** By which reader of its lines; absent from files of agents that knew Xids alone. */
  kernelReader: z.int().nonnegative().optional(),
  cards: z.array(Card).max(256),
  // Of boots that have ended, the latest first; absent from files of earlier agents.
  former: z
    .array(z.object({ bootId: BootId, card: Card }))
    .max(MAX_FORMER_CARDS)
    .readonly()
    .optional()
    .catch(undefined),
  // What the log said that closes no GPU; absent from files of earlier agents.
  notes: z.array(KernelNote).max(MAX_KERNEL_NOTES).readonly().optional().catch(undefined),
  faults: z
    .array(GpuFault.extend({ runId: RunId, atMs: z.number() }))
    .max(MAX_FAULTS)
    .readonly()
    .optional()
    .catch(undefined),
});
export type GpuMemory = z.infer<typeof GpuMemory>;
/** A card that was not well when its boot ended; its moments are of that boot's clock. */
export type FormerCard = NonNullable<GpuMemory["former"]>[number];

/**
 * What of it must outlive us: only a change of this is worth a write. What each sample moves is not, and when a card was
 * good last counts only once samples no longer move it.
 */
export function lastingMemory(memory: GpuMemory): GpuMemory {
  return {
    ...memory,
    cards: memory.cards.map((card) => (isTimeHeld(card) ? card : { ...card, lastGoodMs: null })),
  };
}

/** Time of what runs on it is not settled, or not its own. */
function isTimeHeld({ cordon, sign }: CardState): boolean {
  return cordon?.kind === "fatal" || sign !== null;
}

const fileOf = (stateDir: string) => join(stateDir, "gpu-health.json");

export async function readGpuMemory(stateDir: string, bootId: BootId): Promise<GpuMemory | null> {
  return gpuMemoryIn(await textOf(stateDir), bootId);
}

/** Of boots that have ended: the cards that were not well then. */
export async function readFormerCards(stateDir: string, bootId: BootId): Promise<readonly FormerCard[]> {
  return formerCardsIn(await textOf(stateDir), bootId);
}

/** A file that is not there says nothing. */
async function textOf(stateDir: string): Promise<string> {
  try {
    return await readFile(fileOf(stateDir), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** Null where it is of another boot, or cannot be read. */
export function gpuMemoryIn(text: string, bootId: BootId): GpuMemory | null {
  const memory = anyMemoryIn(text);
  return memory?.bootId === bootId ? memory : null;
}

export function formerCardsIn(text: string, bootId: BootId): readonly FormerCard[] {
  const memory = anyMemoryIn(text);
  if (memory === null) return [];
  const { former = [], cards } = memory;
  if (memory.bootId === bootId) return former;
  const ended = cards.filter(isTimeHeld).map((card) => ({ bootId: memory.bootId, card }));
  return [...ended, ...former].slice(0, MAX_FORMER_CARDS);
}

function anyMemoryIn(text: string): GpuMemory | null {
  const parsed = GpuMemory.safeParse(jsonOrNull(text));
  return parsed.success ? parsed.data : null;
}

/** By a rename, so that a crash leaves the old file or the new one. */
export async function writeGpuMemory(stateDir: string, memory: GpuMemory): Promise<void> {
  const file = fileOf(stateDir);
  await writeFile(`${file}.new`, `${JSON.stringify(memory)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** The four reasons that agents without codes knew. */
function codeOfReason({ isGone, reason }: { isGone: boolean; reason: string }): string {
  const xid = /^Xid (\d{1,4}):/.exec(reason)?.[1];
  if (xid !== undefined) return `xid-${xid}`;
  if (isGone || reason.startsWith("It is gone")) return "not-listed";
  return reason.startsWith("A memory row") ? "repair-failed" : "memory-errors";
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
