/** Which requests could never be placed on one fleet, were all of it free; each shape is compared with the hosts once. */
import { type Impossibility, impossibility } from "./impossibility.ts";
import type { PlacementRequest } from "./fleet/fits-on.ts";
import type { Fleet } from "./fleet/fleet.ts";
import { keyOfGpuRequest } from "./fleet/request-shape.ts";

export class ImpossibleShapes {
  readonly #fleet: Fleet;
  readonly #known = new Map<string, Impossibility | null>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Null: it fits, or may once hosts are open or join. */
  of(request: PlacementRequest): Impossibility | null {
    const key = keyOf(request);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = impossibility(this.#fleet, request);
    this.#known.set(key, found);
    return found;
  }
}

/** All that impossibility.ts reads of a request: neither who pays, nor its image, nor which hosts it skips for a while. */
function keyOf(request: PlacementRequest): string {
  const { instances, distinctHosts, cpuMilli, memoryMib, tempStorageMib, gpu, labels, storagePool } = request;
  const size = `${instances} ${distinctHosts} ${cpuMilli} ${memoryMib} ${tempStorageMib} ${keyOfGpuRequest(gpu)}`;
  const sorted = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1));
  return sorted.length === 0 && storagePool === null
    ? size
    : `${size} ${JSON.stringify([sorted, storagePool])}`;
}
