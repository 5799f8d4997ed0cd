/**
 * From one holder of a card to the next: a card that a container has left is looked at once more before anything
 * starts on it, since what the container left behind would share it with the next. A card that nothing has left since
 * the last look needs no other. Told by lists of containers; who is on a card is for core/gpus/gpu-processes.ts.
 */
import type { GpuReport, GpuStranger } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { OwnedContainer } from "../container/container.ts";

export type Handovers = {
  /** Lives of containers that went on when last listed, with their cards. */
  running: ReadonlyMap<string, readonly GpuUuid[]>;
  /** Lives that were over when last listed. */
  ended: ReadonlySet<string>;
  /** Cards that a life has left and nobody has looked at since, each with the number of the list that showed it. */
  left: ReadonlyMap<GpuUuid, number>;
  /** How many lists showed that a life had ended. */
  ends: number;
  /** `ends` when the last look began; null before the first one. */
  checkedAfter: number | null;
};

/** Why nothing may start on a card that nothing of ours holds. */
export type UnclearGpu = { kind: "gpu-stranger"; stranger: GpuStranger } | { kind: "gpu-unseen" };

export const NO_HANDOVERS: Handovers = {
  running: new Map(),
  ended: new Set(),
  left: new Map(),
  ends: 0,
  checkedAfter: null,
};

/** A life that ran and is listed as running no more has ended, however it went; so has one that came and went unseen. */
export function afterList(before: Handovers, containers: readonly OwnedContainer[]): Handovers {
  const lives = containers.flatMap((container) => lifeOf(container) ?? []);
  const running = new Map(lives.filter(({ isOver }) => !isOver).map(({ life, cards }) => [life, cards]));
  const over = lives.filter(({ isOver }) => isOver);
  const gone = [...before.running].filter(([life]) => !running.has(life)).map(([, cards]) => cards);
  const unheardOf = over
    .filter(({ life }) => !before.ended.has(life) && !before.running.has(life))
    .map(({ cards }) => cards);
  const cards = [...gone, ...unheardOf].flat();
  const ends = before.ends + (cards.length > 0 ? 1 : 0);
  return {
    ...before,
    running,
    ended: new Set(over.map(({ life }) => life)),
    left: new Map([...before.left, ...cards.map((uuid) => [uuid, ends] as const)]),
    ends,
  };
}

/** A whole answer about `cards`, to a question that was asked when `ends` was `asOf`: what was left later is not in it. */
export function afterCheck(
  before: Handovers,
  { cards, asOf }: { cards: readonly GpuUuid[]; asOf: number },
): Handovers {
  const left = [...before.left].filter(([uuid, end]) => end > asOf || !cards.includes(uuid));
  return { ...before, left: new Map(left), checkedAfter: asOf };
}

/** A look is worth taking out of turn. */
export function isCheckDue({ checkedAfter, ends }: Handovers): boolean {
  return checkedAfter === null || ends > checkedAfter;
}

/** The cards on which nothing may start, each with its reason. */
export function unclearGpus(
  gpus: readonly Pick<GpuReport, "uuid" | "strangers">[],
  { left, checkedAfter }: Handovers,
): Map<GpuUuid, UnclearGpu> {
  const unclear = new Map<GpuUuid, UnclearGpu>();
  for (const { uuid, strangers = [] } of gpus) {
    const [stranger] = strangers;
    if (stranger !== undefined) unclear.set(uuid, { kind: "gpu-stranger", stranger });
    else if (checkedAfter === null || left.has(uuid)) unclear.set(uuid, { kind: "gpu-unseen" });
  }
  return unclear;
}

/** Null for a container that has not been started, and for one without cards. */
function lifeOf({
  containerId,
  owner,
  status,
}: OwnedContainer): { life: string; cards: GpuUuid[]; isOver: boolean } | null {
  if (owner.gpus.length === 0 || status.state === "created" || status.state === "removing") return null;
  const cards = owner.gpus.map(({ uuid }) => uuid);
  // What the runtime has lost goes on by another name, which costs one look more.
  const since = status.state === "left-behind" ? status.state : status.startedAt;
  return { life: `${containerId} ${since}`, cards, isOver: status.state === "exited" };
}
