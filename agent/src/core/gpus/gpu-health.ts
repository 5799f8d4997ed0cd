/**
 * Judges cards by what nvidia-smi says of them now and said before, and by the driver's errors in the kernel log. A
 * card that fails is cordoned by the host itself, alone; the way back is a row of good samples once nothing holds it.
 * What to do with the containers of a failed card is decided in reconcile.ts, and what is charged in run-cards.ts.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  explained,
  type HostStatement,
  reasonOf,
  textOf,
  worded,
  type Worded,
} from "@remotegpu/shared/reasons/host-reports/statement";
import type { GpuCordon, GpuReport } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { NO_FINDINGS, signOfOne, type GpuCondition } from "./gpu-condition.ts";
import { OPTIONAL_READINGS, type OptionalReading } from "./gpu-readings.ts";
import type { KernelEffect, KernelFinding } from "./kernel-lines/kernel-finding.ts";
import { afterSign, type OpenSign } from "./open-sign.ts";
import { busKey } from "./kernel-lines/xid-line.ts";

/** Samples in a row without a bad sign that end a cordon; doubled with each further cordon of the same boot. */
export const PROBE_SAMPLES = 6;
/** An hour of samples, beyond which the doubling does not go. */
export const MAX_PROBE_SAMPLES = 360;

type Cordon = GpuCordon & {
  /** Whether a card with a `fatal` fault is there at all. */
  isGone: boolean;
  /** The stable name of the reason: "xid-79", "requires-reset", "not-listed". */
  code: string;
  reason: string;
  why?: HostReason | undefined;
};
/** Why a card takes nothing new: a stable name, a sentence, and the same as a code, which agents of before remembered not. */
export type Closure = { code: string; reason: string; why?: HostReason | undefined };
type FoundCordon = Omit<Cordon, "sinceMs">;

/** What is remembered of a card from one sample to the next, and over restarts of the agent in one boot. */
export type CardState = {
  uuid: GpuUuid;
  busKey: string | null;
  /** As last told; null when it was not. */
  eccUncorrected: number | null;
  /** It told readings once, so their absence is a sign. */
  hasTold: boolean;
  /** The optional readings that the card reported in this boot: an error in their place is a sign. */
  toldReadings: readonly OptionalReading[];
  cordon: Cordon | null;
  /** What the last sample showed; null once one shows none. */
  sign: OpenSign | null;
  /** What the last sample said that keeps new work away for as long as it is so: a mode, an action of the driver. */
  hindrance: Closure | null;
  /** It has NVLink to switches, as far as was ever seen. */
  isSwitched: boolean;
  /** How often it was cordoned in this boot. */
  cordons: number;
  goodInARow: number;
  /** When it was last sampled with nothing fatal known of it and no sign of failure, on the monotonic clock. */
  lastGoodMs: number | null;
};

/** Every card that was seen in this boot, gone ones included. */
export type Cards = ReadonlyMap<GpuUuid, CardState>;

/**
 * What the kernel log says, in the order in which it was logged. With `isHistory` it is from before anybody watched: what
 * runs has outlived it, so even a fatal finding only keeps new work away.
 */
export function afterFindings(
  cards: Cards,
  findings: readonly KernelFinding[],
  { nowMs, isHistory }: { nowMs: number; isHistory: boolean },
): Cards {
  const after = new Map(cards);
  for (const { target, effect, code, reason, why } of findings) {
    const kind = cordonKindOf(effect);
    if (kind === null) continue;
    const found: FoundCordon = { kind: isHistory ? "drain" : kind, isGone: false, code, reason, why };
    for (const card of after.values())
      if (isMeant(card, target)) after.set(card.uuid, cordoned(card, found, nowMs));
  }
  return after;
}

/** A sample: a whole answer of nvidia-smi, or those of the GPUs that were queried singly. */
export type Sample = {
  gpus: readonly GpuReport[];
  /** What was said of each beyond values; of those that are missing nothing was. */
  conditions?: ReadonlyMap<GpuUuid, GpuCondition>;
  /** Cards of which the sample says nothing, listed among `gpus` or not: of them all stays as it was known. */
  unread?: ReadonlySet<GpuUuid>;
  /** Cards that a container of ours holds now. */
  held: ReadonlySet<GpuUuid>;
  /** A card that a drill plays to be lost: its next real fault closes it for no longer than if it had never been played. */
  played?: GpuUuid;
  /** When the question was asked. */
  nowMs: number;
};

/** A card that the sample lacks is gone. */
export function afterSample(cards: Cards, { gpus, conditions, unread, held, played, nowMs }: Sample): Cards {
  const present = new Set(gpus.map(({ uuid }) => uuid));
  const isUnread = (uuid: GpuUuid) => unread?.has(uuid) === true;
  const others = [...cards.values()]
    .filter(({ uuid }) => isUnread(uuid) || !present.has(uuid))
    .map((card) => {
      if (isUnread(card.uuid)) return card;
      const gone = withoutCard(card, nowMs);
      return card.uuid === played ? { ...gone, cordons: card.cordons } : gone;
    });
  const seen = gpus
    .filter(({ uuid }) => !isUnread(uuid))
    .map((gpu) =>
      afterReading(cards.get(gpu.uuid) ?? newCard(gpu.uuid), gpu, {
        condition: conditions?.get(gpu.uuid) ?? NO_FINDINGS,
        isHeld: held.has(gpu.uuid),
        nowMs,
      }),
    );
  return new Map([...others, ...seen].map((card) => [card.uuid, card]));
}

/** By this a card is closed of which the kernel's device rules keep a container that holds it. */
const CONTAINER_REFUSED = "container-refused";

/**
 * What containers that hold cards were told by the kernel's device rules: one that is refused a card closes it to new
 * work, and one that has it again opens it, where nothing else has closed it.
 * @param refused with why
 * @param passed cards whose every holder has them
 */
export function afterRefusals(
  cards: Cards,
  { refused, passed }: { refused: ReadonlyMap<GpuUuid, HostReason>; passed: ReadonlySet<GpuUuid> },
  nowMs: number,
): Cards {
  const after = new Map(cards);
  for (const card of cards.values()) {
    const why = refused.get(card.uuid);
    const found = { kind: "drain" as const, isGone: false, code: CONTAINER_REFUSED };
    if (why !== undefined && card.cordon === null)
      after.set(card.uuid, cordoned(card, { ...found, ...explained(why) }, nowMs));
    const isBack = passed.has(card.uuid) && card.cordon?.code === CONTAINER_REFUSED;
    if (why === undefined && isBack) after.set(card.uuid, { ...card, cordon: null, goodInARow: 0 });
  }
  return after;
}

/** Cards that nothing closes but that. */
export function refusedToContainers(cards: Cards): Set<GpuUuid> {
  const refused = [...cards.values()].filter(({ cordon }) => cordon?.code === CONTAINER_REFUSED);
  return new Set(refused.map(({ uuid }) => uuid));
}

/** Cards that the topology shows behind switches. */
export function withSwitched(cards: Cards, switched: ReadonlySet<GpuUuid>): Cards {
  const isChange = [...cards.values()].some((card) => !card.isSwitched && switched.has(card.uuid));
  if (!isChange) return cards;
  return new Map(
    [...cards].map(([uuid, card]) => [uuid, { ...card, isSwitched: card.isSwitched || switched.has(uuid) }]),
  );
}

/**
 * An administrator's word, for the cordon of that moment only: a later one has another reason. It waits while the reason
 * is still there, a sign of failure or a mode that keeps new work away.
 */
export function withoutCordon(cards: Cards, { uuid, sinceMs }: { uuid: GpuUuid; sinceMs: number }): Cards {
  const card = cards.get(uuid);
  if (card?.cordon?.sinceMs !== sinceMs || card.sign !== null || card.hindrance !== null) return cards;
  return new Map(cards).set(uuid, { ...card, cordon: null, goodInARow: 0 });
}

export type Loss = Worded & { cause: "gpu-missing" | "gpu-failed" };

/** Cards whose containers are failed, each with why. */
export function lostGpus(cards: Cards): Map<GpuUuid, Loss> {
  const lost = new Map<GpuUuid, Loss>();
  for (const { uuid, cordon } of cards.values()) {
    if (cordon?.kind !== "fatal") continue;
    const params = { gpu_uuid: uuid, why: reasonOf(closureStatement(cordon)), fault_code: cordon.code };
    lost.set(
      uuid,
      cordon.isGone
        ? { cause: "gpu-missing", ...worded({ code: "gpu-gone-from-host", params }) }
        : { cause: "gpu-failed", ...worded({ code: "gpu-failed-on-host", params }) },
    );
  }
  return lost;
}

/** Cards that take nothing new, each with why. */
export function closedGpus(cards: Cards): Map<GpuUuid, HostStatement> {
  return new Map(
    [...cards.values()].flatMap((card): [GpuUuid, HostStatement][] => {
      const [gravest] = closuresOf(card);
      return gravest === undefined ? [] : [[card.uuid, closureStatement(gravest)]];
    }),
  );
}

/** What closes a card, the gravest first: what failed its containers, then a sign, then what drains it. */
export function closuresOf({ cordon, sign, hindrance }: CardState): Closure[] {
  const closures = cordon?.kind === "fatal" ? [cordon, sign, hindrance] : [sign, hindrance, cordon];
  return closures.filter((closure) => closure !== null);
}

/** Its code, where that says what its sentence says. */
export function closureStatement({ reason, why }: Pick<Closure, "reason" | "why">): HostStatement {
  return why !== undefined && textOf(why) === reason ? why : reason;
}

function newCard(uuid: GpuUuid): CardState {
  return {
    uuid,
    busKey: null,
    eccUncorrected: null,
    hasTold: false,
    toldReadings: [],
    cordon: null,
    sign: null,
    hindrance: null,
    isSwitched: false,
    cordons: 0,
    goodInARow: 0,
    lastGoodMs: null,
  };
}

type Reading = { condition: GpuCondition; isHeld: boolean; nowMs: number };

function afterReading(before: CardState, gpu: GpuReport, { condition, isHeld, nowMs }: Reading): CardState {
  const { sign, isConfirmed } = afterSign(before.sign, signOfOne(condition, before.toldReadings));
  const hindrance = hindranceOf(gpu, condition);
  const drain = drainOf(before, gpu) ?? hindrance;
  let card: CardState = { ...before, sign, hindrance };
  if (drain !== null) card = cordoned(card, { kind: "drain", isGone: false, ...drain }, nowMs);
  if (sign !== null)
    card = cordoned(card, { kind: isConfirmed ? "fatal" : "drain", isGone: false, ...named(sign) }, nowMs);
  const isClear = sign === null && drain === null && gpu.repairPending !== true;
  const isGood = isClear && !reportsNothing(gpu) && !isHeld;
  const facts = factsOf(before, gpu, condition);
  return probed({ ...card, ...facts, isSwitched: card.isSwitched || condition.hasFabric }, { isGood, nowMs });
}

function named({ code, reason, why }: OpenSign): Closure {
  return { code, reason, why };
}

function factsOf(
  card: CardState,
  gpu: GpuReport,
  { reported }: GpuCondition,
): Pick<CardState, "busKey" | "eccUncorrected" | "hasTold" | "toldReadings"> {
  return {
    busKey: busKey(gpu.pciBusId) ?? card.busKey,
    eccUncorrected: gpu.eccUncorrected ?? card.eccUncorrected,
    hasTold: card.hasTold || !reportsNothing(gpu),
    toldReadings: OPTIONAL_READINGS.filter(
      (each) => card.toldReadings.includes(each) || reported.includes(each),
    ),
  };
}

/** Nothing was read of it: a sign that was open stays so until a sample shows none. */
function withoutCard(card: CardState, nowMs: number): CardState {
  const found: FoundCordon = {
    kind: "fatal",
    isGone: true,
    code: "not-listed",
    ...explained({ code: "gpu-no-longer-listed", params: {} }),
  };
  return cordoned({ ...card, goodInARow: 0 }, found, nowMs);
}

/** Errors that grow under our eyes mean that memory is failing now; old ones only mark the card as degraded. */
function drainOf(card: CardState, gpu: GpuReport): Closure | null {
  const grown = (gpu.eccUncorrected ?? 0) - (card.eccUncorrected ?? gpu.eccUncorrected ?? 0);
  if (grown > 0)
    return {
      code: "memory-errors",
      ...explained({ code: "gpu-memory-errors-grown", params: { more: grown } }),
    };
  if (gpu.repairFailed !== true) return null;
  return { code: "repair-failed", ...explained({ code: "gpu-memory-repair-failed", params: {} }) };
}

/** What keeps new work away for as long as it is so; what runs goes on and is charged. */
function hindranceOf(gpu: GpuReport, condition: GpuCondition): Closure | null {
  if (condition.drain !== null) return condition.drain;
  if (gpu.migEnabled !== true) return null;
  return { code: "mig-enabled", ...explained({ code: "gpu-mig-enabled", params: {} }) };
}

function cordonKindOf(effect: KernelEffect): GpuCordon["kind"] | null {
  switch (effect) {
    case "ignore":
    case "note":
    case "program-fault":
      return null;
    case "drain":
      return "drain";
    case "reset":
    case "reboot":
    case "replace":
      return "fatal";
  }
}

function isMeant(card: CardState, target: KernelFinding["target"]): boolean {
  return target.kind === "gpu" ? card.busKey === target.busKey : card.isSwitched;
}

/** What holds a card may still be ending on it, so the row of good samples begins when nothing does. */
function probed(card: CardState, { isGood, nowMs }: { isGood: boolean; nowMs: number }): CardState {
  const goodInARow = isGood && card.cordon !== null ? card.goodInARow + 1 : 0;
  const isBack = goodInARow >= samplesNeeded(card.cordons);
  const cordon = card.cordon === null || isBack ? null : { ...card.cordon, isGone: false };
  return {
    ...card,
    cordon,
    goodInARow: isBack ? 0 : goodInARow,
    lastGoodMs: cordon?.kind === "fatal" || card.sign !== null ? card.lastGoodMs : nowMs,
  };
}

export function samplesNeeded(cordons: number): number {
  return Math.min(MAX_PROBE_SAMPLES, PROBE_SAMPLES * 2 ** Math.max(0, cordons - 1));
}

/**
 * The graver cordon stands; of two alike the first, whose moment names it. Each new sign begins the probe anew. A cordon
 * that grows from an open sign is the same fault, so that it counts once. One that only speaks of a container's rules gives
 * way to what speaks of the card.
 */
function cordoned(card: CardState, found: FoundCordon, nowMs: number): CardState {
  const { cordon } = card;
  const isOfCard = cordon?.code === CONTAINER_REFUSED && found.code !== CONTAINER_REFUSED;
  const isGraver = cordon === null || isOfCard || (cordon.kind === "drain" && found.kind === "fatal");
  if (isGraver) {
    const isSameFault = cordon !== null && card.sign !== null;
    const cordons = isSameFault ? card.cordons : card.cordons + 1;
    return { ...card, cordon: { ...found, sinceMs: nowMs }, cordons, goodInARow: 0 };
  }
  return { ...card, cordon: { ...cordon, isGone: found.isGone || cordon.isGone }, goodInARow: 0 };
}

/** Readings that every card has are none. */
export function reportsNothing(gpu: GpuReport): boolean {
  return gpu.memoryUsedMib === null && gpu.temperatureC === null && gpu.powerW === null;
}
