/**
 * The hosts that fell silent: suspect, then unreachable. Nothing that runs there is touched. A silence counts only
 * while we could have heard: NATS away, Postgres away (nothing is noted then), this process paused, or another replica
 * leading, each begins the amnesty anew.
 */
import {
  connectionOf,
  hostStatus,
  type Listening,
  listenOn,
  SUSPECT_AFTER_MS,
} from "../../core/hosts/host-liveness.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { noteSilence, silentHosts } from "../../store/hosts/host-connections.ts";
import { assertTerm } from "../../store/database/leader.ts";

export interface LivenessPass {
  term: number;
  now: Date;
  /** When this control plane last began to hear hosts. */
  listeningSince: Date;
}

export interface HostLivenessDeps {
  db: Database;
  now: () => Date;
  /** Whether what hosts send arrives here at this moment. */
  hears: () => boolean;
}

export class HostLiveness {
  readonly #deps: HostLivenessDeps;
  #listening: Listening | null = null;

  constructor(deps: HostLivenessDeps) {
    this.#deps = deps;
  }

  /** Answers the hosts whose connection changed. @throws LeadershipLostError, StoreError */
  async pass(term: number): Promise<string[]> {
    const { db, now, hears } = this.#deps;
    const at = now();
    const listening = listenOn(this.#listening, { nowMs: at.getTime(), hears: hears() });
    const listeningSince = new Date(listening?.sinceMs ?? at);
    const changed = await livenessPass({ db }, { term, now: at, listeningSince });
    // Only a pass that came through says that the database was there. It may itself have taken long.
    this.#listening = listening === null ? null : { ...listening, untilMs: now().getTime() };
    return changed;
  }
}

/** Answers the hosts whose connection changed. */
export async function livenessPass(
  { db }: { db: Database },
  { term, now, listeningSince }: LivenessPass,
): Promise<string[]> {
  const changed: string[] = [];
  for (const host of await silentHosts(db, new Date(now.getTime() - SUSPECT_AFTER_MS))) {
    const to = connectionOf({
      lastHeartbeatMs: host.last_heartbeat.getTime(),
      nowMs: now.getTime(),
      listeningSinceMs: listeningSince.getTime(),
    });
    if (to === host.connection) continue;
    const noted = await transaction(db, async (sql) => {
      await assertTerm(sql, term);
      return await noteSilence(sql, { host, to, status: hostStatus(to, host.cordoned), now });
    });
    if (noted) changed.push(host.id);
  }
  return changed;
}
