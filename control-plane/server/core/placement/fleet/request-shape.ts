/**
 * A request without its name, in the numbers of one fleet: requests of the same shape fit the same hosts. Says whether
 * a host takes it and how many of it; obstaclesOn in fits-on.ts says the same for people, and a test compares the two.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import { mayLandUndrilled } from "./fleet.ts";
import { gpuCount, isOfKind, type GpuRequest, type PlacementRequest, sliceShare } from "./fits-on.ts";
import type { Demand } from "./fleet-state.ts";
import { type FleetState, IDLE } from "./fleet-state.ts";

export interface RequestShape extends Demand {
  /** Cards of one instance. */
  cardCount: number;
  isSlice: boolean;
  /** GPU memory of a slice. */
  sliceMib: number;
  /** By kind of card: the thousandths that are taken of each; 0 where the kind does not do. */
  shareOfKind: Int32Array;
  /** The least that one instance takes of a host's cards together, in thousandths. */
  leastGpu: number;
  /** Whether it takes as much of whichever card. */
  isEvenShare: boolean;
  /** By host: 1 where nothing but room can stand in the way. */
  mayUse: Uint8Array;
  /** By host: 1 where the image is there. Null where it does not matter. */
  hasImage: Uint8Array | null;
}

/** Requests with the same text here are of one shape at the time `now` (ms). */
export function shapeKey(request: PlacementRequest, now: number): string {
  const { cpuMilli, memoryMib, tempStorageMib, gpu, labels, features, image, storagePool, skips } = request;
  const payer = request.payer === undefined ? "" : `${request.payer} pays `;
  const size = `${payer}${cpuMilli} ${memoryMib} ${tempStorageMib} ${keyOfGpuRequest(gpu)}`;
  const sorted = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1));
  const isPlain =
    sorted.length === 0 &&
    features.length === 0 &&
    image === null &&
    storagePool === null &&
    skips.length === 0;
  if (isPlain) return size;
  const { pools, hosts } = skippedPlaces(request, now);
  return `${size} ${JSON.stringify([sorted, features, image, storagePool, [...pools].sort(), [...hosts].sort()])}`;
}

/** Wishes with the same text are alike. */
export function keyOfGpuRequest(gpuRequest: GpuRequest): string {
  switch (gpuRequest.kind) {
    case "none":
      return "none";
    case "whole":
      return `${gpuRequest.count} of ${gpuRequest.leastMemoryMib} ${keyOfModels(gpuRequest.models)}`;
    case "slice":
      return `slice ${gpuRequest.memoryMib} ${gpuRequest.shareThousandths} ${keyOfModels(gpuRequest.models)}`;
  }
}

function keyOfModels(models: readonly string[] | null): string {
  return models === null ? "any" : JSON.stringify(models);
}

function skippedPlaces({ skips }: PlacementRequest, now: number): { pools: Set<string>; hosts: Set<string> } {
  const inForce = skips.filter(({ untilMs }) => untilMs > now);
  return {
    pools: new Set(inForce.flatMap((skip) => ("storagePool" in skip ? [skip.storagePool] : []))),
    hosts: new Set(inForce.flatMap((skip) => ("hostId" in skip ? [skip.hostId] : []))),
  };
}

export function requestShape(state: FleetState, request: PlacementRequest, now: number): RequestShape {
  const gpuRequest = request.gpu;
  const skipped = skippedPlaces(request, now);
  const labels = Object.entries(request.labels);
  const isCanary = mayLandUndrilled(request);
  const mayUse = Uint8Array.from(state.hosts, (host) =>
    Number(
      host.closed === null &&
        (host.undrilled === undefined || isCanary) &&
        (request.storagePool === null || request.storagePool === host.storagePool) &&
        !skipped.pools.has(host.storagePool) &&
        !skipped.hosts.has(host.id) &&
        labels.every(([label, value]) => host.labels[label] === value) &&
        request.features.every((feature) => host.features.includes(feature)),
    ),
  );
  const { image } = request;
  const shareOfKind = Int32Array.from(state.kinds, (kind) => {
    if (!isOfKind(kind, gpuRequest)) return 0;
    return gpuRequest.kind === "slice" ? sliceShare(gpuRequest, kind.memoryMib) : THOUSANDTHS;
  });
  const shares = shareOfKind.filter((share) => share > 0);
  return {
    cpuMilli: request.cpuMilli,
    memoryMib: request.memoryMib,
    tempStorageMib: request.tempStorageMib,
    ...(request.payer !== undefined && { payer: request.payer }),
    cardCount: gpuCount(gpuRequest),
    isSlice: gpuRequest.kind === "slice",
    sliceMib: gpuRequest.kind === "slice" ? gpuRequest.memoryMib : 0,
    shareOfKind,
    leastGpu: gpuCount(gpuRequest) * (shares.length === 0 ? THOUSANDTHS : Math.min(...shares)),
    isEvenShare: shares.every((share) => share === shares[0]),
    mayUse,
    hasImage:
      image === null ? null : Uint8Array.from(state.hosts, (host) => Number(host.images.includes(image))),
  };
}

/** Whether the card has room for one card's part of the shape. */
export function cardTakes(state: FleetState, shape: RequestShape, card: number): boolean {
  const share = shape.shareOfKind[state.kindOf[card] as number] as number;
  if (share === 0 || state.isOpen[card] === 0) return false;
  if (!shape.isSlice) return state.use[card] === IDLE;
  return (state.freeShare[card] as number) >= share && (state.freeCardMib[card] as number) >= shape.sliceMib;
}

export function fitsNow(state: FleetState, shape: RequestShape, host: number): boolean {
  if (
    shape.mayUse[host] === 0 ||
    !state.isOpenTo(host, shape.payer) ||
    (state.freeCpuMilli[host] as number) < shape.cpuMilli ||
    (state.freeMemoryMib[host] as number) < shape.memoryMib ||
    (state.freeTempStorageMib[host] as number) < shape.tempStorageMib ||
    (state.freeGpu[host] as number) < shape.leastGpu
  )
    return false;
  let missing = shape.cardCount;
  const end = state.firstCard[host + 1] as number;
  for (let card = state.firstCard[host] as number; missing > 0 && card < end; card += 1)
    if (cardTakes(state, shape, card)) missing -= 1;
  return missing === 0;
}

/** How many instances of the shape the host takes, one after the other. At most `atMost`. */
export function fittingInstances(
  state: FleetState,
  shape: RequestShape,
  { host, atMost }: { host: number; atMost: number },
): number {
  if (!fitsNow(state, shape, host)) return 0;
  let most = atMost;
  const bound = (free: number, requested: number) => {
    if (requested > 0) most = Math.min(most, Math.floor(free / requested));
  };
  bound(state.freeCpuMilli[host] as number, shape.cpuMilli);
  bound(state.freeMemoryMib[host] as number, shape.memoryMib);
  bound(state.freeTempStorageMib[host] as number, shape.tempStorageMib);
  if (shape.cardCount > 0) bound(fittingCards(state, shape, host), shape.cardCount);
  return most;
}

/** Cards of the host that take the shape, one that takes several slices as often as it takes them. */
function fittingCards(state: FleetState, shape: RequestShape, host: number): number {
  let fitting = 0;
  const end = state.firstCard[host + 1] as number;
  for (let card = state.firstCard[host] as number; card < end; card += 1) {
    if (!cardTakes(state, shape, card)) continue;
    const share = shape.shareOfKind[state.kindOf[card] as number] as number;
    const byShare = Math.floor((state.freeShare[card] as number) / share);
    const byMemory =
      shape.sliceMib === 0 ? byShare : Math.floor((state.freeCardMib[card] as number) / shape.sliceMib);
    fitting += Math.min(byShare, byMemory);
  }
  return fitting;
}
