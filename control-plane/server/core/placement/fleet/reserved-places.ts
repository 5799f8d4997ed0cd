/**
 * What is kept for a request that fits nowhere and nobody knows when it will: of the hosts that could take it were they
 * empty, those on which the least is missing, and there all it can use of what is free. Cards that are missing may be
 * cut into slices now; nothing is added to those either, or they might never be whole. A host that is kept to one payer
 * and has another's placements is kept too, so that it drains, though only where the others do not reach.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import { emptyRoom } from "./empty-room.ts";
import type { PlacementRequest } from "./fits-on.ts";
import type { CardDemand, Demand, FleetState } from "./fleet-state.ts";
import { cardTakes, type RequestShape } from "./request-shape.ts";

export interface ReservedPlace {
  host: number;
  taken: Demand;
  cards: CardDemand[];
}

interface Candidate {
  host: number;
  /** Instances that it would take were it empty. */
  room: number;
  reserved: ReservedPlace;
  /** Placements of other payers that have to end first, on a host that is kept to one payer. */
  ofOthers: number;
  missing: [gpuThousandths: number, cpuMilli: number, memoryMib: number, tempStorageMib: number];
}

export function reservedPlaces(
  state: FleetState,
  shape: RequestShape,
  request: PlacementRequest,
): ReservedPlace[] {
  const candidates: Candidate[] = [];
  for (let host = 0; host < state.hosts.length; host += 1) {
    const capacity = state.hosts[host];
    if (capacity === undefined || shape.mayUse[host] === 0) continue;
    const room = emptyRoom(capacity, request);
    if (room > 0) candidates.push(candidateOf(state, shape, { host, room, instances: 1 }));
  }
  const reserved: ReservedPlace[] = [];
  let left = request.instances;
  for (const { host, room } of candidates.sort(nearestFirst)) {
    if (left <= 0) break;
    const instances = Math.min(room, left);
    reserved.push(candidateOf(state, shape, { host, room, instances }).reserved);
    left -= instances;
  }
  // Too few hosts are open for all of it: keeping some would hold them for nothing.
  return left > 0 ? [] : reserved;
}

function candidateOf(
  state: FleetState,
  shape: RequestShape,
  { host, room, instances }: { host: number; room: number; instances: number },
): Candidate {
  const cards = storedCards(state, shape, { host, count: instances * shape.cardCount });
  const part = (free: number, requested: number) => Math.max(0, Math.min(free, requested * instances));
  const taken = {
    cpuMilli: part(state.freeCpuMilli[host] as number, shape.cpuMilli),
    memoryMib: part(state.freeMemoryMib[host] as number, shape.memoryMib),
    tempStorageMib: part(state.freeTempStorageMib[host] as number, shape.tempStorageMib),
    ...(shape.payer !== undefined && { payer: shape.payer }),
  };
  const gpu = cards.reduce((sum, { shareThousandths }) => sum + shareThousandths, 0);
  return {
    host,
    room,
    reserved: { host, taken, cards },
    ofOthers: state.placementsOfOthers(host, shape.payer),
    missing: [
      instances * shape.leastGpu - gpu,
      instances * shape.cpuMilli - taken.cpuMilli,
      instances * shape.memoryMib - taken.memoryMib,
      instances * shape.tempStorageMib - taken.tempStorageMib,
    ],
  };
}

/** Cards that take the shape as they are, then those of which some is free, the freest first. */
function storedCards(
  state: FleetState,
  shape: RequestShape,
  { host, count }: { host: number; count: number },
): CardDemand[] {
  const suitable: number[] = [];
  const end = state.firstCard[host + 1] as number;
  for (let card = state.firstCard[host] as number; card < end; card += 1)
    if (state.isOpen[card] === 1 && (shape.shareOfKind[state.kindOf[card] as number] as number) > 0)
      suitable.push(card);
  return suitable
    .filter((card) => (state.freeShare[card] as number) > 0)
    .sort(
      (a, b) =>
        Number(cardTakes(state, shape, b)) - Number(cardTakes(state, shape, a)) ||
        (state.freeShare[b] as number) - (state.freeShare[a] as number) ||
        a - b,
    )
    .slice(0, count)
    .map((card) => storedOf(state, shape, card));
}

function storedOf(state: FleetState, shape: RequestShape, card: number): CardDemand {
  const free = state.freeShare[card] as number;
  if (!shape.isSlice && free === THOUSANDTHS) return { card, memoryMib: null, shareThousandths: THOUSANDTHS };
  const requested = shape.isSlice ? (shape.shareOfKind[state.kindOf[card] as number] as number) : THOUSANDTHS;
  const freeMib = state.freeCardMib[card] as number;
  return {
    card,
    memoryMib: shape.isSlice ? Math.min(freeMib, shape.sliceMib) : freeMib,
    shareThousandths: Math.min(free, requested),
  };
}

function nearestFirst(a: Candidate, b: Candidate): number {
  if (a.ofOthers !== b.ofOthers) return a.ofOthers - b.ofOthers;
  for (const [position, missing] of a.missing.entries()) {
    const difference = missing - (b.missing[position] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.host - b.host;
}
