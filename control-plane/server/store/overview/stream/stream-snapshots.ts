/** One look at the database for all readers of a server's streams: what was written lately, and what they want to hear of. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { FleetSnapshot, Snapshot, Stamp } from "../../../core/stream/snapshot.ts";
import type { Connection, Database } from "../../database/database.ts";
import { LatestCosts } from "./latest-costs.ts";
import { fleetSnapshot } from "./stream-fleet.ts";
import {
  type Heads,
  headsNow,
  LOOKBACK_SECONDS,
  notedSince,
  postedSince,
  writtenLately,
} from "./stream-marks.ts";

/** Which of it somebody wants to hear of. */
export interface Wanted {
  fleet: boolean;
  costs: boolean;
}

export class StreamSnapshots {
  readonly #sql: Database;
  readonly #now: () => Date;
  /** Null while nobody wants to hear of them. */
  #costs: LatestCosts | null = null;
  /** What the tables' last rows were at each look of the last seconds, the oldest first. */
  #heads: { atMs: number; heads: Heads }[] = [];

  constructor(sql: Database, now: () => Date) {
    this.#sql = sql;
    this.#now = now;
  }

  /** @param nowMs of a clock that only goes on */
  async check(wanted: Wanted, nowMs: number): Promise<Snapshot> {
    const sql = this.#sql;
    const [oldest = { atMs: nowMs, heads: await headsNow(sql) }] = this.#heads;
    this.#costs = wanted.costs ? (this.#costs ?? new LatestCosts(sql)) : null;
    const costs = this.#costs?.known({ at: this.#now(), since: oldest.heads.transaction, nowMs }) ?? null;
    const [heads, noted, posted, alarmStamp, fleet] = await Promise.all([
      headsNow(sql),
      notedSince(sql, oldest.heads.event),
      postedSince(sql, oldest.heads.transaction),
      alarmsNow(sql),
      wanted.fleet ? fleetSnapshot(sql) : (null satisfies FleetSnapshot | null),
    ]);
    const written = await writtenLately(sql, noted.workloads);
    const stored = this.#heads.filter(({ atMs }) => nowMs - atMs < LOOKBACK_SECONDS * MS_PER_SECOND);
    this.#heads = [...(stored.length === 0 ? [oldest] : stored), { atMs: nowMs, heads }];
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
