/**
 * Whether places that were decided on an earlier snapshot are still free in a newer one. Orders are asked one after
 * the other, and what one takes is gone for the next; an order whose places are not all free can take none. Which
 * places are good ones is not asked again.
 */
import { asPhrase } from "@remotegpu/shared/sentence";
import { THOUSANDTHS } from "@remotegpu/shared/units";
import { assertSound, type Fleet, type GpuCapacity, type HostCapacity } from "./fleet/fleet.ts";
import {
  describeObstacle,
  gpuCount,
  type GpuRequest,
  hasRoom,
  isOfKind,
  obstaclesOn,
  type PlacementRequest,
  sliceShare,
} from "./fleet/fits-on.ts";
import type { GpuGrant, PlacedInstance } from "./placement.ts";

type PlacesAnswer =
  /** Gone for the next order once they are taken. */
  | { free: true; take: () => void }
  /** A phrase that says what is in the way. */
  | { free: false; why: string };

export type PlacesQuestion = (request: PlacementRequest, places: readonly PlacedInstance[]) => PlacesAnswer;

/** @throws UnsoundFleetError when the snapshot contradicts itself */
export function openPlaces(fleet: Fleet, now: number): PlacesQuestion {
  assertSound(fleet);
  const left = new Map(fleet.hosts.map((host) => [host.id, host]));
  return (request, places) => {
    const wrong = misshapen(request, places);
    if (wrong !== null) return { free: false, why: wrong };
    const taken = new Map<string, HostCapacity>();
    for (const { hostId, gpus } of places) {
      const host = taken.get(hostId) ?? left.get(hostId);
      if (host === undefined) return { free: false, why: `host ${hostId} is not there any more` };
      const obstacle = obstacleTo(host, { request, grants: gpus, now });
      if (obstacle !== null)
        return { free: false, why: places.length === 1 ? obstacle : `${host.name}: ${obstacle}` };
      taken.set(hostId, less(host, request, gpus));
    }
    return {
      free: true,
      take() {
        for (const [hostId, host] of taken) left.set(hostId, host);
      },
    };
  };
}

function misshapen(request: PlacementRequest, places: readonly PlacedInstance[]): string | null {
  if (places.length !== request.instances)
    return `${request.instances} instances asked, ${places.length} places found`;
  const hosts = new Set(places.map(({ hostId }) => hostId));
  if (request.distinctHosts && hosts.size < places.length) return "each instance needs a host of its own";
  const apart = request.apart.find(({ hosts: [one, other] }) => hosts.has(one) && hosts.has(other));
  const alone = hosts.size === 1 ? undefined : [...hosts].find((id) => request.alone?.has(id));
  if (alone !== undefined)
    return `host ${request.alone?.get(alone)} cannot be among several, since where it is reached is not confirmed`;
  return apart === undefined ? null : `hosts ${apart.names} are not tried together for a while`;
}

function obstacleTo(
  host: HostCapacity,
  { request, grants, now }: { request: PlacementRequest; grants: readonly GpuGrant[]; now: number },
): string | null {
  const obstacles = obstaclesOn(host, request, now);
  if (obstacles.length > 0) return obstacles.map(describeObstacle).join(", ");
  const requested = gpuCount(request.gpu);
  const named = new Set(grants.map(({ uuid }) => uuid));
  if (grants.length !== requested || named.size !== requested)
    return `${requested} GPU asked, ${named.size} found`;
  for (const grant of grants) {
    const card = host.gpus.find(({ uuid }) => uuid === grant.uuid);
    if (card === undefined) return `GPU ${grant.uuid} is not there any more`;
    if (card.closed !== null) return asPhrase(`GPU ${grant.uuid} ${card.closed}`);
    if (!isOfKind(card, request.gpu) || !hasRoom(card, request.gpu)) return `GPU ${grant.uuid} is taken`;
    if (!isGrantOf(grant, card, request.gpu)) return `GPU ${grant.uuid} has another size now`;
  }
  return null;
}

function isGrantOf(grant: GpuGrant, card: GpuCapacity, gpuRequest: GpuRequest): boolean {
  const [memoryMib, share] =
    gpuRequest.kind === "slice"
      ? [gpuRequest.memoryMib, sliceShare(gpuRequest, card.memoryMib)]
      : [null, THOUSANDTHS];
  return grant.memoryMib === memoryMib && grant.shareThousandths === share;
}

function less(host: HostCapacity, request: PlacementRequest, grants: readonly GpuGrant[]): HostCapacity {
  return {
    ...host,
    freeCpuMilli: host.freeCpuMilli - request.cpuMilli,
    freeMemoryMib: host.freeMemoryMib - request.memoryMib,
    freeTempStorageMib: host.freeTempStorageMib - request.tempStorageMib,
    ...(host.payers !== undefined && { payers: withPayer(host.payers, request.payer) }),
    gpus: host.gpus.map((card) => {
      const grant = grants.find(({ uuid }) => uuid === card.uuid);
      return grant === undefined ? card : heldBy(card, grant);
    }),
  };
}

function withPayer(
  payers: ReadonlyMap<number, number>,
  payer: number | undefined,
): ReadonlyMap<number, number> {
  return payer === undefined ? payers : new Map(payers).set(payer, (payers.get(payer) ?? 0) + 1);
}

function heldBy(card: GpuCapacity, { memoryMib, shareThousandths }: GpuGrant): GpuCapacity {
  return {
    ...card,
    use: memoryMib === null ? "exclusive" : "shared",
    freeShareThousandths: card.freeShareThousandths - shareThousandths,
    freeMemoryMib: memoryMib === null ? 0 : card.freeMemoryMib - memoryMib,
  };
}
