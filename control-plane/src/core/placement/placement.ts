/**
 * Which request goes to which host and GPUs. Pure and deterministic: integers only, requests in the order given,
 * hosts in the order of their ids, so the same input gives the same answer byte for byte. Each request sees what
 * the ones before it took. Whether it may be paid for and by whom is decided elsewhere.
 */
import { THOUSANDTHS } from "@remotegpu/shared/units";
import { assertSound, byId } from "./fleet.ts";
import type { Fleet, GpuCapacity, HostCapacity } from "./fleet.ts";
import { describeObstacle, gpuCount, hasRoom, isOfKind, obstaclesOn, sliceShare } from "./fits-on.ts";
import type { GpuWish, Obstacle, PlacementRequest } from "./fits-on.ts";

export type Policy = "best-fit";

export interface PlacementOptions {
  policy: Policy;
  /** For policies that draw; best-fit does not. */
  seed: number;
  /** Milliseconds since 1970, to tell which pool skips have passed. */
  now: number;
}

export interface GpuGrant {
  uuid: string;
  /** Null for a whole card. */
  memoryMib: number | null;
  shareThousandths: number;
}

/** One container's place; in the order of the ranks. */
export interface PlacedInstance {
  hostId: string;
  gpus: GpuGrant[];
}

export interface HostReason {
  hostId: string;
  hostName: string;
  obstacles: Obstacle[];
}

export type PlacementDecision =
  | { placed: true; requestId: string; instances: PlacedInstance[] }
  | { placed: false; requestId: string; hosts: HostReason[] };

export interface PlacementResult {
  decisions: PlacementDecision[];
  /** What is left after the decisions; the input is untouched. */
  fleet: Fleet;
}

/** @throws UnsoundFleetError when the snapshot contradicts itself; nothing is placed then */
export function place(
  fleet: Fleet,
  requests: PlacementRequest[],
  options: PlacementOptions,
): PlacementResult {
  assertSound(fleet);
  const left = copyOf(fleet);
  const decisions = requests.map((request) => placeOne(left, request, options.now));
  return { decisions, fleet: left };
}

function placeOne(left: Fleet, request: PlacementRequest, now: number): PlacementDecision {
  const candidates: Candidate[] = [];
  const hosts: HostReason[] = [];
  for (const host of left.hosts) {
    const obstacles = obstaclesOn(host, request, now);
    if (obstacles.length === 0) candidates.push(candidateOn(host, request));
    else hosts.push({ hostId: host.id, hostName: host.name, obstacles });
  }
  const [best] = candidates.sort(tightestFirst);
  if (best === undefined) return { placed: false, requestId: request.id, hosts };
  take(best, request);
  return {
    placed: true,
    requestId: request.id,
    instances: [{ hostId: best.host.id, gpus: best.grants }],
  };
}

interface Candidate {
  host: HostCapacity;
  grants: GpuGrant[];
  /** What would be left or broken, the weightiest first; smaller is tighter. */
  looseness: [breaksIdleCard: number, gpuThousandths: number, cpuMilli: number, memoryMib: number];
}

function candidateOn(host: HostCapacity, request: PlacementRequest): Candidate {
  const cards = tightestCards(host.gpus, request.gpu);
  const grants = cards.map((card) => grantOf(card, request.gpu));
  const breaksIdleCard = request.gpu.kind === "slice" && cards.some((card) => card.use === "idle");
  const freeShare = host.gpus.reduce((sum, gpu) => sum + gpu.freeShareThousandths, 0);
  const takenShare = grants.reduce((sum, grant) => sum + grant.shareThousandths, 0);
  return {
    host,
    grants,
    looseness: [
      Number(breaksIdleCard),
      freeShare - takenShare,
      host.freeCpuMilli - request.cpuMilli,
      host.freeMemoryMib - request.memoryMib,
    ],
  };
}

/** A slice goes where the least memory is left, so that idle cards stay whole; whole cards go smallest first. */
function tightestCards(gpus: GpuCapacity[], wish: GpuWish): GpuCapacity[] {
  return gpus
    .filter((gpu) => gpu.closed === null && isOfKind(gpu, wish) && hasRoom(gpu, wish))
    .sort(
      (a, b) =>
        Number(a.use === "idle") - Number(b.use === "idle") ||
        a.freeMemoryMib - b.freeMemoryMib ||
        a.index - b.index,
    )
    .slice(0, gpuCount(wish));
}

function grantOf(card: GpuCapacity, wish: GpuWish): GpuGrant {
  return wish.kind === "slice"
    ? {
        uuid: card.uuid,
        memoryMib: wish.memoryMib,
        shareThousandths: sliceShare(wish, card.memoryMib),
      }
    : { uuid: card.uuid, memoryMib: null, shareThousandths: THOUSANDTHS };
}

function tightestFirst(a: Candidate, b: Candidate): number {
  for (const [position, looseness] of a.looseness.entries()) {
    const difference = looseness - (b.looseness[position] ?? 0);
    if (difference !== 0) return difference;
  }
  return byId(a.host, b.host);
}

function take({ host, grants }: Candidate, request: PlacementRequest): void {
  host.freeCpuMilli -= request.cpuMilli;
  host.freeMemoryMib -= request.memoryMib;
  host.freeTempStorageMib -= request.tempStorageMib;
  for (const grant of grants) {
    const card = host.gpus.find((gpu) => gpu.uuid === grant.uuid);
    if (card === undefined) continue;
    card.use = grant.memoryMib === null ? "exclusive" : "shared";
    card.freeShareThousandths -= grant.shareThousandths;
    card.freeMemoryMib -= grant.memoryMib ?? card.freeMemoryMib;
  }
}

function copyOf(fleet: Fleet): Fleet {
  return {
    hosts: fleet.hosts.map((host) => ({ ...host, gpus: host.gpus.map((gpu) => ({ ...gpu })) })).sort(byId),
  };
}

/** Hosts named in one sentence; `why` lists them all. */
const HOSTS_IN_A_SENTENCE = 3;

/** One sentence for `status_reason`: why nothing took the request. */
export function waitingSentence(hosts: HostReason[]): string {
  if (hosts.length === 0) return "Waiting for a place: no host has joined yet.";
  const named = hosts
    .slice(0, HOSTS_IN_A_SENTENCE)
    .map((host) => `${host.hostName}: ${host.obstacles.map(describeObstacle).join(", ")}`);
  const more = hosts.length - named.length;
  return `Waiting for a place. ${named.join("; ")}${more > 0 ? `; and ${more} more hosts` : ""}.`;
}
