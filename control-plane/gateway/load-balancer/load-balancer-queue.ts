/**
 * The requests of one service at this gateway: which replica each is given, and those that wait: in the order in which they
 * came until one serves or has room, or until those that serve but were not reached are tried again. Counts what is open at
 * each replica; other gateways count their own.
 */
import type { GivenReason } from "../../server/core/reasons/plain-reason.ts";
import { partOf } from "../../server/core/gateway/services/key-limits.ts";
import {
  chooseReplica,
  type Conduct,
  conductAfter,
  GOOD_CONDUCT,
  type ReplicaState,
} from "../../server/core/gateway/services/replica-choice.ts";
import {
  patienceSeconds,
  type ReplicaPlace,
  type ServiceRoute,
  whyClosed,
} from "../../server/core/gateway/services/service-route.ts";
import { MAX_LISTED, type ServiceReport } from "../../server/core/gateway/services/gateway-report.ts";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";

/** A replica as one request was given it. `done` once, with whether it answered; null where that says nothing of it. */
export interface Given {
  kind: "given";
  place: ReplicaPlace;
  done(answered: boolean | null): void;
}

export type Taken =
  | Given
  /** Nobody answers it, as things stand. */
  | { kind: "closed"; reason: GivenReason }
  /** So many wait already. */
  | { kind: "full"; reason: GivenReason; isServing: boolean }
  /** It waited as long as it may. */
  | { kind: "waited"; reason: GivenReason; isServing: boolean };

interface Replica extends ReplicaState {
  place: ReplicaPlace;
  conduct: Conduct;
}

interface Waiting {
  wakes: boolean;
  avoid: ReadonlySet<string>;
  resolve: (taken: Taken) => void;
  timer: NodeJS.Timeout;
}

/** Between two tries of replicas of which none was reached. */
const AGAIN_MS = 500;
/**
 * Of those that waited so many go to each replica at once, and as many again a little later or with each answer: what has
 * just begun to serve keeps few connections that it has not taken yet, and whose first try finds no room waits a second.
 */
const CALLED_AT_ONCE = 8;
const CALLED_EVERY_MS = 20;
const ENDING: Exclude<Taken, Given> = {
  kind: "waited",
  reason: "gateway-ending",
  isServing: false,
};

export class LoadBalancerQueue {
  #route: ServiceRoute;
  readonly #nowMs: () => number;
  readonly #wake: () => void;
  /** By their instances: those of the route, and those that have left it with requests still open. */
  readonly #replicas = new Map<string, Replica>();
  readonly #waiting = new Set<Waiting>();
  /**
   * Requests that reached none of them, by their signals, with what ends their rest. Each keeps its place among those that
   * may wait until it is answered: else whoever comes would take it in the moment of a try.
   */
  readonly #resting = new Map<AbortSignal, (() => void) | null>();
  /** Those called up since then. */
  #called = { count: 0, sinceMs: Number.NEGATIVE_INFINITY };
  #isCalling = false;
  #turns = 0;
  #requests = 0;
  #isEnding = false;

  /** @param wake asked for again and again while somebody waits and the service sleeps */
  constructor(route: ServiceRoute, { nowMs, wake }: { nowMs: () => number; wake: () => void }) {
    this.#route = route;
    this.#nowMs = nowMs;
    this.#wake = wake;
    this.follow(route);
  }

  get route(): ServiceRoute {
    return this.#route;
  }

  /** Nobody waits here and nothing is open. */
  get isIdle(): boolean {
    return (
      this.#waiting.size === 0 &&
      this.#resting.size === 0 &&
      [...this.#replicas.values()].every(({ open }) => open === 0)
    );
  }

  /** What this gateway has of the service in this very moment. */
  get report(): ServiceReport {
    const listed = new Set<string>(this.#route.replicas.map(({ instanceId }) => instanceId));
    const busy = [...this.#replicas].flatMap(([id, { open }]) => (open > 0 ? [{ id, open }] : []));
    const here = busy.filter(({ id }) => listed.has(id));
    const left = busy.filter(({ id }) => !listed.has(id));
    return {
      inFlight: busy.reduce((sum, one) => sum + one.open, 0),
      held: this.#waitingAsLoad + [...this.#resting.values()].filter((end) => end !== null).length,
      requests: this.#requests,
      left: countsOf(left),
      ...(here.length <= MAX_LISTED && { listed: countsOf(here) }),
    };
  }

  /** Each request once, however often it is given a replica; one that may not wake a service is no load on one that sleeps. */
  count({ wakes }: { wakes: boolean }): void {
    if (wakes || this.#route.sleep !== "asleep") this.#requests += 1;
  }

  follow(route: ServiceRoute): void {
    this.#route = route;
    for (const place of route.replicas) {
      const known = this.#replicas.get(place.instanceId);
      if (known !== undefined) known.place = place;
      else
        this.#replicas.set(place.instanceId, {
          place,
          open: 0,
          lastTurn: 0,
          conduct: GOOD_CONDUCT,
        });
    }
    const listed = new Set<string>(route.replicas.map(({ instanceId }) => instanceId));
    for (const [id, { open }] of this.#replicas) if (!listed.has(id) && open === 0) this.#replicas.delete(id);
    this.#callUp();
    this.#wakeFor();
  }

  /**
   * @param avoid instances at which this request failed already
   * @param gone aborted once nobody waits for it any more
   * @param wakes a service that sleeps is woken for it; whoever may not do so waits for none that sleeps
   */
  async take(avoid: ReadonlySet<string>, gone: AbortSignal, { wakes }: { wakes: boolean }): Promise<Taken> {
    const closed = this.#whyClosedTo({ wakes });
    if (closed !== null) return { kind: "closed", reason: closed };
    const given = this.#waiting.size === 0 ? this.#give(avoid) : null;
    if (given !== null) return given;
    if (this.#isEnding) return ENDING;
    if (!this.#resting.delete(gone) && this.#isFull)
      return { kind: "full", reason: this.#whyWaits(), isServing: this.#isServing };
    return await new Promise<Taken>((resolve) => {
      const end = (taken: Taken) => {
        clearTimeout(waiting.timer);
        gone.removeEventListener("abort", giveUp);
        this.#waiting.delete(waiting);
        resolve(taken);
      };
      const giveUp = () => end({ kind: "waited", reason: this.#whyWaits(), isServing: this.#isServing });
      const timer = setTimeout(giveUp, patienceSeconds(this.#route) * MS_PER_SECOND);
      const waiting: Waiting = { wakes, avoid, resolve: end, timer };
      this.#waiting.add(waiting);
      gone.addEventListener("abort", giveUp);
      if (gone.aborted) giveUp();
      this.#wakeFor();
    });
  }

  /**
   * For a request that reached none of the replicas. Null once it is to be tried again: another replica may have come, and
   * the way to one of these may be mended. Call `leave` once it is answered, or over.
   */
  async rest(gone: AbortSignal): Promise<Exclude<Taken, Given> | null> {
    if (this.#isEnding) return ENDING;
    if (!this.#resting.has(gone) && this.#isFull)
      return { kind: "full", reason: "replicas-not-reached", isServing: false };
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        gone.removeEventListener("abort", end);
        this.#resting.set(gone, null);
        resolve();
      };
      const timer = setTimeout(end, AGAIN_MS);
      this.#resting.set(gone, end);
      gone.addEventListener("abort", end);
      if (gone.aborted) end();
    });
    return this.#isEnding ? ENDING : null;
  }

  leave(gone: AbortSignal): void {
    this.#resting.delete(gone);
  }

  /** Nobody waits here any more: whoever does is told that this gateway ends. */
  turnAway(): void {
    this.#isEnding = true;
    for (const { resolve } of this.#waiting) resolve(ENDING);
    for (const end of this.#resting.values()) end?.();
  }

  /** Somebody waits, and there is nobody who could serve. */
  get awaitsFirst(): boolean {
    return this.#waiting.size > 0 && !this.#isServing;
  }

  /** As many wait as may. */
  get #isFull(): boolean {
    return this.#waiting.size + this.#resting.size >= this.#route.bounds.maxQueued;
  }

  /** One that may not wake a service waits for a replica that serves still: that is no reason to start another. */
  get #waitingAsLoad(): number {
    if (this.#route.sleep !== "asleep") return this.#waiting.size;
    return [...this.#waiting].filter(({ wakes }) => wakes).length;
  }

  get #isServing(): boolean {
    return this.#route.replicas.length > 0;
  }

  #whyWaits(): GivenReason {
    const { statusReason, replicas } = this.#route;
    if (replicas.length > 0) return "replicas-busy";
    if (statusReason === null) return "replicas-not-serving";
    return { code: "replicas-not-serving-because", params: { why: statusReason } };
  }

  /** That somebody waits is itself a reason to start a replica: it is counted in what the gateway reports. */
  #whyClosedTo({ wakes }: { wakes: boolean }): GivenReason | null {
    const closed = whyClosed(this.#route);
    if (closed !== null) return closed;
    return !wakes && this.#route.sleep === "asleep" && !this.#isServing ? "service-asleep" : null;
  }

  #wakeFor(): void {
    if (this.#route.sleep === "asleep" && this.#waitingAsLoad > 0 && whyClosed(this.#route) === null)
      this.#wake();
  }

  #callUp(): void {
    for (const { wakes, resolve } of this.#waiting) {
      const closed = this.#whyClosedTo({ wakes });
      if (closed !== null) resolve({ kind: "closed", reason: closed });
    }
    const nowMs = this.#nowMs();
    if (nowMs - this.#called.sinceMs >= CALLED_EVERY_MS) this.#called = { count: 0, sinceMs: nowMs };
    const most = CALLED_AT_ONCE * this.#route.replicas.length;
    for (const { avoid, resolve } of this.#waiting) {
      if (this.#called.count >= most) return this.#callAgain();
      const given = this.#give(avoid);
      // Whoever came later may be served by a replica at which this one failed.
      if (given === null) continue;
      this.#called.count += 1;
      resolve(given);
    }
  }

  #callAgain(): void {
    if (this.#isCalling) return;
    this.#isCalling = true;
    setTimeout(() => {
      this.#isCalling = false;
      this.#callUp();
    }, CALLED_EVERY_MS);
  }

  #give(avoid: ReadonlySet<string>): Given | null {
    const listed = this.#route.replicas.flatMap(({ instanceId }) => this.#replicas.get(instanceId) ?? []);
    const avoided = listed.filter(({ place }) => avoid.has(place.instanceId));
    const { bounds, gateways } = this.#route;
    const chosen = chooseReplica(listed, {
      most: bounds.maxInFlight === null ? null : partOf(bounds.maxInFlight, gateways),
      // Those for which it waited may have left meanwhile, and another try is better than none.
      avoid: new Set(avoided.length < listed.length ? avoided : []),
      nowMs: this.#nowMs(),
    });
    if (chosen === null) return null;
    chosen.open += 1;
    chosen.lastTurn = this.#turns += 1;
    return { kind: "given", place: chosen.place, done: (answered) => this.#done(chosen, answered) };
  }

  #done(replica: Replica, answered: boolean | null): void {
    replica.open -= 1;
    if (answered === true && this.#called.count > 0) this.#called.count -= 1;
    if (answered !== null) replica.conduct = conductAfter(replica.conduct, answered, this.#nowMs());
    const { instanceId } = replica.place;
    const isListed = this.#route.replicas.some((place) => place.instanceId === instanceId);
    if (!isListed && replica.open === 0) this.#replicas.delete(instanceId);
    this.#callUp();
  }
}

function countsOf(open: readonly { id: string; open: number }[]): Record<string, number> {
  return Object.fromEntries(open.map(({ id, open }) => [id, open]));
}
