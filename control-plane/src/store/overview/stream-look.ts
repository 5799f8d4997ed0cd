/** One look at the database for all readers of a server's streams: what was written lately, and what they want to hear of. */
import { MS_PER_SECOND } from "@remotegpu/shared/units";
import type { FleetLook, Snapshot, Stamp, WorkloadCost } from "../../core/stream/snapshot.ts";
import type { Connection } from "../database/database.ts";
import { runningCosts } from "./stream-costs.ts";
import { fleetLook } from "./stream-fleet.ts";
import {
  type Heads,
  headsNow,
  LOOK_BACK_SECONDS,
  notedSince,
  postedSince,
  writtenLately,
} from "./stream-marks.ts";

/** Which of it somebody wants to hear of. */
export interface Wanted {
  fleet: boolean;
  costs: boolean;
}

/** What is proven of a run comes once a minute at most, and prices are by the minute. */
const COSTS_EVERY_MS = 5 * MS_PER_SECOND;

export class StreamLooks {
  readonly #sql: Connection;
  readonly #now: () => Date;
  #costs: { atMs: number; costs: ReadonlyMap<string, WorkloadCost> } | null = null;
  /** What the tables' last rows were at each look of the last seconds, the oldest first. */
  #heads: { atMs: number; heads: Heads }[] = [];

  constructor(sql: Connection, now: () => Date) {
    this.#sql = sql;
    this.#now = now;
  }

  /** @param nowMs of a clock that only goes on */
  async look(wanted: Wanted, nowMs: number): Promise<Snapshot> {
    const sql = this.#sql;
    const [oldest = { atMs: nowMs, heads: await headsNow(sql) }] = this.#heads;
    const [heads, noted, posted, alarmStamp, fleet, costs] = await Promise.all([
      headsNow(sql),
      notedSince(sql, oldest.heads.event),
      postedSince(sql, oldest.heads.transaction),
      alarmsNow(sql),
      wanted.fleet ? fleetLook(sql) : (null satisfies FleetLook | null),
      wanted.costs ? this.#costsOf(nowMs) : (null satisfies ReadonlyMap<string, WorkloadCost> | null),
    ]);
    const written = await writtenLately(sql, noted.workloads);
    const kept = this.#heads.filter(({ atMs }) => nowMs - atMs < LOOK_BACK_SECONDS * MS_PER_SECOND);
    this.#heads = [...(kept.length === 0 ? [oldest] : kept), { atMs: nowMs, heads }];
    return {
      isBeyondBounds: noted.isBeyondBounds || written.isBeyondBounds,
      workloads: written.marks,
      accounts: stamped(noted.accounts, posted),
      notedHosts: stamped(noted.hosts, NOT_WRITTEN),
      queue: { noted: noted.queued, written: written.queued },
      alarmStamp,
      fleet,
      costs,
    };
  }

  async #costsOf(nowMs: number): Promise<ReadonlyMap<string, WorkloadCost>> {
    const known = this.#costs;
    if (known !== null && nowMs - known.atMs < COSTS_EVERY_MS) return known.costs;
    const costs = await runningCosts(this.#sql, this.#now());
    this.#costs = { atMs: nowMs, costs };
    return costs;
  }
}

/** What hosts write themselves is their heartbeats. */
const NOT_WRITTEN: ReadonlyMap<string, number> = new Map();

function stamped<Key>(
  noted: ReadonlyMap<Key, number>,
  written: ReadonlyMap<Key, number>,
): ReadonlyMap<Key, Stamp> {
  const keys = new Set([...noted.keys(), ...written.keys()]);
  return new Map(
    [...keys].map((key) => [key, { noted: noted.get(key) ?? 0, written: written.get(key) ?? 0 }]),
  );
}

async function alarmsNow(sql: Connection): Promise<string> {
  const { rows } = await sql.query<{ last: number; open: number }>(
    `SELECT (SELECT coalesce(max(id), 0) FROM alarms) AS last,
            (SELECT count(*) FROM alarms WHERE cleared_at IS NULL) AS open`,
  );
  return `${rows[0]?.last ?? 0} ${rows[0]?.open ?? 0}`;
}
