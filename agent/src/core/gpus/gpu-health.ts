/**
 * Judges cards by what nvidia-smi says of them now and said before, and by the driver's errors in the kernel log. A
 * card that fails is cordoned by the host itself, alone; the way back is a row of good samples once nothing holds it.
 * What to do with the containers of a failed card is decided in reconcile.ts.
 */
import type { GpuCordon, GpuReport } from "@remotegpu/shared/host-report";
import type { GpuUuid } from "@remotegpu/shared/ids";
import { busKey, type Xid } from "./xid-line.ts";
import { xidMeaning } from "./xid-classes.ts";

/** Samples in a row without a bad sign that end a cordon; doubled with each further cordon of the same boot. */
export const PROBE_SAMPLES = 6;
/** An hour of samples, beyond which the doubling does not go. */
export const MAX_PROBE_SAMPLES = 360;

/** Reasons for low clocks that tell of trouble; the others are how a card saves power or obeys a setting. */
const TROUBLED_CLOCKS: ReadonlySet<string> = new Set([
  "hw_slowdown",
  "hw_thermal_slowdown",
  "hw_power_brake_slowdown",
  "sw_thermal_slowdown",
]);

type Cordon = GpuCordon & {
  /** The stable name of what closed it; absent where it has none. */
  code?: string | undefined;
  /** Of a `fatal` one: whether the card is there at all. */
  isGone: boolean;
  reason: string;
};

/** What is remembered of a card from one sample to the next, and over restarts of the agent in one boot. */
export type CardState = {
  uuid: GpuUuid;
  busKey: string | null;
  /** As last told; null when it was not. */
  eccUncorrected: number | null;
  /** It told readings once, so their absence is a sign. */
  hasTold: boolean;
  cordon: Cordon | null;
  /** How often it was cordoned in this boot. */
  cordons: number;
  goodInARow: number;
  /** When it was last sampled with nothing fatal known of it, on the monotonic clock. */
  lastGoodMs: number | null;
};

/** Every card that was seen in this boot, gone ones included. */
export type Cards = ReadonlyMap<GpuUuid, CardState>;

/**
 * The driver's errors, in the order in which they were logged. With `isHistory` they are from before anybody watched:
 * what runs has outlived them, so even a fatal one only keeps new work away.
 */
export function afterXids(
  cards: Cards,
  xids: readonly Xid[],
  { nowMs, isHistory }: { nowMs: number; isHistory: boolean },
): Cards {
  const after = new Map(cards);
  for (const xid of xids) {
    const card = [...after.values()].find((one) => one.busKey === xid.busKey);
    const { class: kind, meaning } = xidMeaning(xid.code);
    if (card === undefined || kind === "application") continue;
    const reason = `Xid ${xid.code}: ${meaning}.`;
    const found = { kind: isHistory ? ("drain" as const) : kind, isGone: false, reason };
    after.set(card.uuid, cordoned(card, found, nowMs));
  }
  return after;
}

/**
 * A whole answer of nvidia-smi. A card that it lacks is gone.
 * @param held cards that a container of ours holds now
 * @param nowMs when the question was asked
 */
export function afterSample(
  cards: Cards,
  { gpus, held, nowMs }: { gpus: readonly GpuReport[]; held: ReadonlySet<GpuUuid>; nowMs: number },
): Cards {
  const present = new Set(gpus.map(({ uuid }) => uuid));
  const gone = [...cards.values()]
    .filter(({ uuid }) => !present.has(uuid))
    .map((card) => withoutCard(card, nowMs));
  const seen = gpus.map((gpu) => {
    const before = cards.get(gpu.uuid) ?? newCard(gpu.uuid);
    const sign = badSignOf(before, gpu);
    const card =
      sign === null ? before : cordoned(before, { kind: "drain", isGone: false, reason: sign }, nowMs);
    const isGood = sign === null && gpu.repairPending !== true && !tellsNothing(gpu) && !held.has(gpu.uuid);
    return probed({ ...card, ...factsOf(card, gpu) }, { isGood, nowMs });
  });
  return new Map([...gone, ...seen].map((card) => [card.uuid, card]));
}

/** By this a card is closed of which the kernel's device rules keep a container that holds it. */
export const CONTAINER_REFUSED = "container-refused";

/**
 * What containers that hold cards were told by the kernel's device rules: one that is refused a card closes it to new
 * work, and one that has it again opens it, where nothing else has closed it.
 * @param refused with why
 * @param passed cards whose every holder has them
 */
export function afterRefusals(
  cards: Cards,
  { refused, passed }: { refused: ReadonlyMap<GpuUuid, string>; passed: ReadonlySet<GpuUuid> },
  nowMs: number,
): Cards {
  const after = new Map(cards);
  for (const card of cards.values()) {
    const reason = refused.get(card.uuid);
    const found = { kind: "drain" as const, isGone: false, code: CONTAINER_REFUSED };
    if (reason !== undefined && card.cordon === null)
      after.set(card.uuid, cordoned(card, { ...found, reason }, nowMs));
    const isBack = passed.has(card.uuid) && card.cordon?.code === CONTAINER_REFUSED;
    if (reason === undefined && isBack) after.set(card.uuid, { ...card, cordon: null, goodInARow: 0 });
  }
  return after;
}

/** Cards that nothing closes but that. */
export function refusedToContainers(cards: Cards): Set<GpuUuid> {
  const refused = [...cards.values()].filter(({ cordon }) => cordon?.code === CONTAINER_REFUSED);
  return new Set(refused.map(({ uuid }) => uuid));
}

/** An administrator's word, for the cordon of that moment only: a later one has another reason. */
export function withoutCordon(cards: Cards, { uuid, sinceMs }: { uuid: GpuUuid; sinceMs: number }): Cards {
  const card = cards.get(uuid);
  if (card?.cordon?.sinceMs !== sinceMs) return cards;
  return new Map(cards).set(uuid, { ...card, cordon: null, goodInARow: 0 });
}

export type Loss = { cause: "gpu-missing" | "gpu-failed"; detail: string };

/** Cards whose containers are failed, each with why. */
export function lostGpus(cards: Cards): Map<GpuUuid, Loss> {
  const lost = new Map<GpuUuid, Loss>();
  for (const { uuid, cordon } of cards.values()) {
    if (cordon?.kind !== "fatal") continue;
    lost.set(
      uuid,
      cordon.isGone
        ? { cause: "gpu-missing", detail: `GPU ${uuid} is gone from this host. ${cordon.reason}` }
        : { cause: "gpu-failed", detail: `GPU ${uuid} failed. ${cordon.reason}` },
    );
  }
  return lost;
}

/** Cards that take nothing new, each with why. */
export function closedGpus(cards: Cards): Map<GpuUuid, string> {
  return new Map([...cards.values()].flatMap(({ uuid, cordon }) => (cordon ? [[uuid, cordon.reason]] : [])));
}

/** The report of a card that is there, with its judgement. */
export function judged(gpu: GpuReport, card: CardState | undefined): GpuReport {
  const warnings = warningsOf(gpu);
  const cordon = card?.cordon ?? null;
  const told = { ...gpu, cordon: cordon && { kind: cordon.kind, sinceMs: cordon.sinceMs } };
  if (cordon !== null) return { ...told, health: "unhealthy", reasons: [cordon.reason, ...warnings] };
  if (tellsNothing(gpu) && card?.hasTold !== true) return { ...told, health: "unknown", reasons: warnings };
  return { ...told, health: warnings.length > 0 ? "degraded" : "healthy", reasons: warnings };
}

function warningsOf(gpu: GpuReport): string[] {
  const clocks = (gpu.throttleReasons ?? []).filter((reason) => TROUBLED_CLOCKS.has(reason));
  const errors = gpu.eccUncorrected ?? 0;
  return [
    ...(tellsNothing(gpu) ? ["nvidia-smi tells no readings of it."] : []),
    ...(errors > 0 ? [`Uncorrectable memory errors since the driver came up: ${errors}.`] : []),
    ...(gpu.repairPending === true ? ["A memory row or page waits for a reset of the card."] : []),
    ...(isTooHot(gpu) ? [`It is at ${gpu.temperatureC} °C, its limit.`] : []),
    ...(clocks.length > 0 ? [`Its clocks are held down: ${clocks.join(", ")}.`] : []),
  ];
}

function newCard(uuid: GpuUuid): CardState {
  return {
    uuid,
    busKey: null,
    eccUncorrected: null,
    hasTold: false,
    cordon: null,
    cordons: 0,
    goodInARow: 0,
    lastGoodMs: null,
  };
}

function factsOf(card: CardState, gpu: GpuReport): Pick<CardState, "busKey" | "eccUncorrected" | "hasTold"> {
  return {
    busKey: busKey(gpu.pciBusId) ?? card.busKey,
    eccUncorrected: gpu.eccUncorrected ?? card.eccUncorrected,
    hasTold: card.hasTold || !tellsNothing(gpu),
  };
}

function withoutCard(card: CardState, nowMs: number): CardState {
  const reason = "It is gone: nvidia-smi no longer lists it.";
  return cordoned({ ...card, goodInARow: 0 }, { kind: "fatal", isGone: true, reason }, nowMs);
}

/** Errors that grow under our eyes mean that memory is failing now; old ones only mark the card as degraded. */
function badSignOf(card: CardState, gpu: GpuReport): string | null {
  const grown = (gpu.eccUncorrected ?? 0) - (card.eccUncorrected ?? gpu.eccUncorrected ?? 0);
  if (grown > 0) return `Uncorrectable memory errors: ${grown} more than before.`;
  return gpu.repairFailed === true ? "A memory row could not be replaced." : null;
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
    lastGoodMs: cordon?.kind === "fatal" ? card.lastGoodMs : nowMs,
  };
}

export function samplesNeeded(cordons: number): number {
  return Math.min(MAX_PROBE_SAMPLES, PROBE_SAMPLES * 2 ** Math.max(0, cordons - 1));
}

/**
 * The graver cordon stands; of two alike the first, whose moment names it. Each new sign begins the probe anew. One that
 * only speaks of a container's rules gives way to what speaks of the card.
 */
function cordoned(card: CardState, found: Omit<Cordon, "sinceMs">, nowMs: number): CardState {
  const { cordon } = card;
  const isOfCard = cordon?.code === CONTAINER_REFUSED && found.code !== CONTAINER_REFUSED;
  const isGraver = cordon === null || isOfCard || (cordon.kind === "drain" && found.kind === "fatal");
  if (isGraver)
    return { ...card, cordon: { ...found, sinceMs: nowMs }, cordons: card.cordons + 1, goodInARow: 0 };
  return { ...card, cordon: { ...cordon, isGone: found.isGone || cordon.isGone }, goodInARow: 0 };
}

function tellsNothing(gpu: GpuReport): boolean {
  return gpu.memoryUsedMib === null && gpu.temperatureC === null && gpu.powerW === null;
}

function isTooHot(gpu: GpuReport): boolean {
  return (
    gpu.temperatureC !== null && gpu.temperatureLimitC !== null && gpu.temperatureC >= gpu.temperatureLimitC
  );
}
