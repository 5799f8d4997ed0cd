/**
 * Who waits for a place, in the order of arrival. Whoever waits fits nowhere, so that after an end only the host where it
 * was has to be tried, and of those that ask for the same only the first.
 */
import type { PlacementRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import type { Place, Placer } from "@remotegpu/control-plane/server/core/placement/placer";
import {
  fitsNow,
  requestShape,
  type RequestShape,
  shapeKey,
} from "@remotegpu/control-plane/server/core/placement/fleet/request-shape";
import type { RecordedTask } from "./cluster-lists.ts";
import { requestOf } from "./placement-scene.ts";

interface Waiting {
  task: RecordedTask;
  request: PlacementRequest;
  arrivedAt: number;
  /** How many came before it. */
  position: number;
}

interface Group {
  shape: RequestShape;
  /** The first to have come is the first. */
  waiting: Waiting[];
}

export class PlacementLine {
  readonly #placer: Placer;
  readonly #groups = new Map<string, Group>();
  #arrived = 0;
  #waiting = 0;

  constructor(placer: Placer) {
    this.#placer = placer;
  }

  isWaiting(): boolean {
    return this.#waiting > 0;
  }

  add(task: RecordedTask, arrivedAt: number): void {
    const request = requestOf(task);
    const key = shapeKey(request, 0);
    const group = this.#groups.get(key) ?? {
      shape: requestShape(this.#placer.state, request, 0),
      waiting: [],
    };
    this.#groups.set(key, group);
    group.waiting.push({ task, request, arrivedAt, position: this.#arrived });
    this.#arrived += 1;
    this.#waiting += 1;
  }

  /** Places who fits now that something has ended on the host. */
  startOn(host: number): { task: RecordedTask; places: Place[]; arrivedAt: number }[] {
    const started: { task: RecordedTask; places: Place[]; arrivedAt: number }[] = [];
    for (let next = this.#firstFor(host); next !== null; next = this.#firstFor(host)) {
      const { task, request, arrivedAt } = next.waiting.shift() as Waiting;
      const places = this.#placer.place(request);
      if (places === null) throw new Error(`${task.name} fits, and has no place`);
      this.#waiting -= 1;
      started.push({ task, places, arrivedAt });
    }
    return started;
  }

  #firstFor(host: number): Group | null {
    let first: Group | null = null;
    for (const group of this.#groups.values()) {
      const position = group.waiting[0]?.position ?? Infinity;
      if (position >= (first?.waiting[0]?.position ?? Infinity)) continue;
      if (fitsNow(this.#placer.state, group.shape, host)) first = group;
    }
    return first;
  }
}
