/**
 * What the published protocol lacks: work that ends, and a queue. Tasks drawn from the list arrive at random times, as
 * many as offer the given load; each runs for a time drawn from the exponential distribution. What does not fit waits in
 * the order of arrival, and all that waits is tried again at every end. The fleet begins filled, since of a time so drawn
 * as much is left at any moment. Figures are of a window in which the filling shows no more; work goes on arriving until
 * its end, and what arrived in it is followed until it starts.
 */
import { type Draw, drawFrom } from "@remotegpu/control-plane/server/core/placement/scoring/draw";
import { type Place, Placer } from "@remotegpu/control-plane/server/core/placement/placer";
import type { Policy } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import type { RecordedTask } from "./cluster-lists.ts";
import { type Cluster, clusterScene, gpuOf, PUBLISHED_LARGEST, requestOf } from "./placement-scene.ts";
import { PlacementLine } from "./placement-line.ts";

/** All times are in parts of it. */
const MEAN_LIFETIME = 1_000_000;
const WARM_UP = 2 * MEAN_LIFETIME;
const WINDOW_END = 5 * MEAN_LIFETIME;

export interface SteadyFigures {
  /** GPU allocated in per cent of all, over the window. */
  allocated: number;
  /** From arrival to start, in mean lifetimes, of the tasks that arrived in the window. */
  meanWait: number;
  p95Wait: number;
}

interface Running {
  task: RecordedTask;
  places: Place[];
  endsAt: number;
}

/** @param loadPercent GPU that would be in use if there were no end of it, in per cent of all */
export function replayDepartures(
  cluster: Cluster,
  { policy, seed, loadPercent }: { policy: Policy; seed: number; loadPercent: number },
): SteadyFigures {
  const draw = drawFrom(seed);
  const { fleet, tasks, capacity, typical } = clusterScene(cluster, draw);
  const placer = new Placer(fleet, { policy, seed, now: 0, typical, largest: PUBLISHED_LARGEST });
  const possible = tasks.filter((task) => placer.hasRoom(requestOf(task)));
  const gpu = possible.reduce((sum, task) => sum + gpuOf(task), 0);
  if (gpu === 0) return { allocated: 0, meanWait: 0, p95Wait: 0 };
  const filling = (capacity * Math.min(100, loadPercent)) / 100;
  const meanGap = (MEAN_LIFETIME * gpu * 100) / (possible.length * capacity * loadPercent);
  return new Steady(placer, { tasks: possible, draw, meanGap, capacity, filling }).figures();
}

interface Offer {
  tasks: readonly RecordedTask[];
  draw: Draw;
  meanGap: number;
  /** GPU thousandths: all that there is, and what has been asked for at the beginning. */
  capacity: number;
  filling: number;
}

class Steady {
  readonly #placer: Placer;
  readonly #offer: Offer;
  readonly #line: PlacementLine;
  /** The one that ends first is the last. */
  readonly #running: Running[] = [];
  readonly #waits: number[] = [];
  #now = 0;
  #taken = 0;
  /** GPU thousandths × time, over the window. */
  #used = 0;

  constructor(placer: Placer, offer: Offer) {
    this.#placer = placer;
    this.#offer = offer;
    this.#line = new PlacementLine(placer);
  }

  figures(): SteadyFigures {
    const { draw, meanGap, capacity, filling } = this.#offer;
    for (let requested = 0; requested < filling;) requested += this.#arrive();
    let arrival = exponential(draw, meanGap);
    while (arrival < WINDOW_END) {
      this.#endUntil(arrival);
      this.#arrive();
      arrival += exponential(draw, meanGap);
    }
    this.#endUntil(WINDOW_END);
    while (this.#line.isWaiting()) this.#endNext();
    const waits = this.#waits.toSorted((a, b) => a - b);
    return {
      allocated: (100 * this.#used) / (capacity * (WINDOW_END - WARM_UP)),
      meanWait: waits.reduce((sum, wait) => sum + wait, 0) / waits.length / MEAN_LIFETIME,
      p95Wait: (waits[Math.ceil(0.95 * waits.length) - 1] ?? 0) / MEAN_LIFETIME,
    };
  }

  /** @returns thousandths of GPU that it asks for */
  #arrive(): number {
    const { tasks, draw } = this.#offer;
    const task = tasks[draw(tasks.length)] as RecordedTask;
    const places = this.#placer.place(requestOf(task));
    if (places === null) this.#line.add(task, this.#now);
    else this.#start(task, places, this.#now);
    return gpuOf(task);
  }

  #start(task: RecordedTask, places: Place[], arrivedAt: number): void {
    this.#taken += gpuOf(task);
    if (arrivedAt >= WARM_UP) this.#waits.push(this.#now - arrivedAt);
    const endsAt = this.#now + exponential(this.#offer.draw, MEAN_LIFETIME);
    let low = 0;
    let high = this.#running.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#running[middle] as Running).endsAt > endsAt) low = middle + 1;
      else high = middle;
    }
    this.#running.splice(low, 0, { task, places, endsAt });
  }

  #endUntil(moment: number): void {
    while ((this.#running.at(-1)?.endsAt ?? Infinity) <= moment) this.#endNext();
    this.#goOnTo(moment);
  }

  #endNext(): void {
    const ended = this.#running.pop();
    if (ended === undefined) throw new Error("what waits fits an empty fleet");
    this.#goOnTo(ended.endsAt);
    this.#taken -= gpuOf(ended.task);
    this.#placer.release(requestOf(ended.task), ended.places);
    for (const { host } of ended.places)
      for (const { task, places, arrivedAt } of this.#line.startOn(host))
        this.#start(task, places, arrivedAt);
  }

  #goOnTo(moment: number): void {
    const from = Math.max(this.#now, WARM_UP);
    const to = Math.min(moment, WINDOW_END);
    if (to > from) this.#used += this.#taken * (to - from);
    this.#now = moment;
  }
}

function exponential(draw: Draw, mean: number): number {
  return -mean * Math.log(1 - draw(2 ** 32) / 2 ** 32);
}
