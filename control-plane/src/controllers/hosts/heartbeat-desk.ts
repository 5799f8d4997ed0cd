/**
 * Takes heartbeats as they come and serves together those that came while the last ones were being served: a calm fleet
 * is served one by one at once, a large one by fewer and larger statements, and nobody waits for a timer.
 */
import type { HostId } from "@remotegpu/shared/ids";
import type { Log } from "@remotegpu/shared/log";
import type { Heartbeat } from "@remotegpu/shared/protocol";
import { type Database, StoreError } from "../../store/database/database.ts";
import { acceptHeartbeat, type HeartbeatOutcome } from "../../store/reports/heartbeats.ts";
import { noteQuietHeartbeats } from "../../store/reports/quiet-heartbeats.ts";

/** Of one statement; how many may wait is bounded by who asks (link/hosts/host-requests.ts). */
const MAX_TOGETHER = 200;

export interface HeartbeatDeskParts {
  db: Database;
  now: () => Date;
  log: Log;
}

interface Waiting {
  hostId: HostId;
  heartbeat: Heartbeat;
  done: (outcome: Promise<HeartbeatOutcome>) => void;
}

export class HeartbeatDesk {
  readonly #parts: HeartbeatDeskParts;
  #waiting: Waiting[] = [];
  #isServing = false;

  constructor(parts: HeartbeatDeskParts) {
    this.#parts = parts;
  }

  /** @throws StoreError */
  async take(hostId: HostId, heartbeat: Heartbeat): Promise<HeartbeatOutcome> {
    const outcome = new Promise<HeartbeatOutcome>((done) => this.#waiting.push({ hostId, heartbeat, done }));
    if (!this.#isServing) void this.#serve();
    return outcome;
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    // What arrived with the first in the same moment is served with it.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#serveTogether(this.#nextOnes());
    this.#isServing = false;
  }

  /** A host's second heartbeat waits for its first: a statement takes each host once. */
  #nextOnes(): Waiting[] {
    const chosen = new Map<HostId, Waiting>();
    const left: Waiting[] = [];
    for (const one of this.#waiting)
      if (chosen.size < MAX_TOGETHER && !chosen.has(one.hostId)) chosen.set(one.hostId, one);
      else left.push(one);
    this.#waiting = left;
    return [...chosen.values()];
  }

  async #serveTogether(ones: Waiting[]): Promise<void> {
    const { db, now } = this.#parts;
    const quiet = await this.#noteQuiet(ones);
    for (const { hostId, heartbeat, done } of ones) {
      const answer = quiet.get(hostId);
      done(
        answer === undefined
          ? acceptHeartbeat(db, { hostId, heartbeat, now: now() })
          : Promise.resolve({
              accepted: true,
              answer: { ...answer, liftCordons: [] },
              wasConnected: true,
              restored: false,
            }),
      );
    }
  }

  /** Should the statement fail, each is served by itself: what is wrong with one is no other one's matter. */
  async #noteQuiet(ones: readonly Waiting[]): ReturnType<typeof noteQuietHeartbeats> {
    const { db, now, log } = this.#parts;
    try {
      return await noteQuietHeartbeats(db, ones, now());
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      log.warn({ error, heartbeats: ones.length }, "heartbeats could not be noted together");
      return new Map();
    }
  }
}
