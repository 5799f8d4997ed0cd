/**
 * Whether places that were decided on an earlier snapshot are still free in a newer one. Orders are asked one after
 * the other, and what one takes is gone for the next; an order whose places are not all free can take none. Which
 * places are good ones is not asked again.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import { assertSound, type Fleet, type GpuCapacity, type HostCapacity } from "./fleet/fleet.ts";
import {
  gpuCount,
  type GpuRequest,
  hasRoom,
  isOfKind,
  obstaclesOn,
  type PlacementRequest,
  sliceShare,
} from "./fleet/fits-on.ts";
import type { Reason } from "../reasons/reason.ts";
import { type GpuGrant, obstaclesReason, type PlacedInstance } from "./placement.ts";

type PlacesAnswer =
  /** Gone for the next order once they are taken. */
  { free: true; take: () => void } | { free: false; why: Reason };

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
      if (host === undefined) return { free: false, why: { code: "host-gone", params: { host_id: hostId } } };
      const obstacles = obstaclesTo(host, { request, grants: gpus, now });
      if (obstacles.length > 0)
        return { free: false, why: inTheWay(obstacles, places.length === 1 ? null : host.name) };
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

function inTheWay(why: readonly Reason[], hostName: string | null): Reason {
  return hostName === null ? obstaclesReason(why) : { code: "at-host", params: { host_name: hostName, why } };
}

function misshapen(request: PlacementRequest, places: readonly PlacedInstance[]): Reason | null {
  if (places.length !== request.instances)
    return {
      code: "place-count-wrong",
      params: { requested: request.instances, found: places.length },
    };
  const hosts = new Set(places.map(({ hostId }) => hostId));
  if (request.distinctHosts && hosts.size < places.length)
    return { code: "instances-need-own-hosts", params: {} };
  const alone = hosts.size === 1 ? undefined : [...hosts].find((id) => request.alone?.has(id));
  if (alone !== undefined)
    return {
      code: "host-without-confirmed-address",
      params: { host_name: request.alone?.get(alone) ?? alone },
    };
  const apart = request.apart.find(({ hosts: [one, other] }) => hosts.has(one) && hosts.has(other));
  return apart === undefined ? null : { code: "hosts-kept-apart", params: { host_names: apart.names } };
}

/** Nothing where the host takes it. */
function obstaclesTo(
  host: HostCapacity,
  { request, grants, now }: { request: PlacementRequest; grants: readonly GpuGrant[]; now: number },
): Reason[] {
  const obstacles = obstaclesOn(host, request, now);
  if (obstacles.length > 0) return obstacles;
  const requested = gpuCount(request.gpu);
  const named = new Set(grants.map(({ uuid }) => uuid));
  if (grants.length !== requested || named.size !== requested)
    return [{ code: "gpu-count-wrong", params: { requested, found: named.size } }];
  const taken = grants.flatMap((grant) => grantObstacle(host, grant, request.gpu) ?? []);
  return taken.slice(0, 1);
}

function grantObstacle(host: HostCapacity, grant: GpuGrant, wanted: GpuRequest): Reason | null {
  const params = { gpu_uuid: grant.uuid };
  const card = host.gpus.find(({ uuid }) => uuid === grant.uuid);
  if (card === undefined) return { code: "gpu-gone", params };
  if (card.closed !== null) return { code: "gpu-closed-meanwhile", params: { why: card.closed } };
  if (!isOfKind(card, wanted) || !hasRoom(card, wanted)) return { code: "gpu-taken", params };
  return isGrantOf(grant, card, wanted) ? null : { code: "gpu-size-changed", params };
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
