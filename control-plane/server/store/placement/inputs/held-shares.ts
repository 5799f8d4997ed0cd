/**
 * What payers and their workspaces hold of the fleet now, and lately held, as the queue shares it out: from the moment at
 * which a placement took its part until its host confirmed that it is free, whether or not it was charged. Hours that are
 * over are counted once (`held_hours`, by whoever leads); the stretch since then is counted here. All of it follows from
 * placements and runs, and can be counted anew from them.
 */
import { MIB, MS_PER_HOUR, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { sharerOf } from "../../../core/orders/order.ts";
import {
  type Amounts,
  decayTable,
  latelyHeld,
  NOTHING,
  plus,
  type Weighed,
  weighed,
} from "../../../core/queue/share.ts";
import { setting } from "../../accounts/settings.ts";
import type { Connection, Transaction } from "../../database/database.ts";

/** Longer than any half life that may be set needs. */
const HELD_HOURS_RETAINED = 7 * 168;
/** Counted with one statement; more are counted by the passes after it. */
const MAX_HOURS_AT_ONCE = 168;
/** What was written with a moment before the hour's end is there by then. */
const SETTLED_MS = 60 * MS_PER_SECOND;
/** The stretch that is not counted yet is read at most this often: what is held now is read for each pass. */
const RETENTION_MS = 5 * MS_PER_SECOND;

export interface Had {
  held: Amounts;
  lastStartMs: number | null;
  /** The last start that was the turn of what waited longest. */
  lastTurnMs: number | null;
}

/** By payer, and by workspace as the queue names it. */
export interface HadByAll {
  payers: ReadonlyMap<string, Had>;
  workspaces: ReadonlyMap<string, Had>;
}

interface HeldRow {
  customer_id: number;
  workspace_id: number | null;
  cpu: number;
  memory: number;
  gpu: number;
  last_start_at_ms: number | null;
  payers_turn_at_ms: number | null;
  workspaces_turn_at_ms: number | null;
}

/** When starts were, in milliseconds since 1970. */
type Starts = Pick<HeldRow, "last_start_at_ms" | "payers_turn_at_ms" | "workspaces_turn_at_ms">;

/** A run's workspace and payer were frozen at its start, and without a workspace the payer is the customer. */
const OF_PLACEMENTS = `placements p JOIN runs r ON r.id = p.run_id`;
const GPU_OF_PLACEMENT = `coalesce((SELECT sum(coalesce(a.share_thousandths, 1000)) FROM gpu_allocations a
    WHERE a.instance_id = p.instance_id AND a.epoch = p.epoch), 0)`;
const msOf = (moment: string) => `floor(extract(epoch FROM ${moment}) * 1000)::bigint`;
/**
 * The starts of placements or the same columns of them; the last of those that meet the condition. Without a word it
 * was a turn.
 */
const startsOf = (placements: string, condition = "true"): string => {
  const last = (more: string) => msOf(`max(${placements}created_at) FILTER (WHERE ${condition}${more})`);
  return `${last("")} AS last_start_at_ms,
          ${last(` AND ${placements}is_payers_turn IS NOT FALSE`)} AS payers_turn_at_ms,
          ${last(` AND ${placements}is_workspaces_turn IS NOT FALSE`)} AS workspaces_turn_at_ms`;
};

/** An hour with starts of which none was a turn: without a word, as of a server of before, the last start was one. */
const NO_TURN = "'-infinity'::timestamptz";
const toTurn = (ms: string) =>
  `CASE WHEN s IS NOT NULL THEN coalesce(to_timestamp(${ms} / 1000.0), ${NO_TURN}) END`;
const turnOf = (turn: string) => msOf(`max(nullif(coalesce(h.${turn}, h.last_start_at), ${NO_TURN}))`);

/**
 * What is held at this moment, read with the fleet. The GPUs of each placement are summed by their own index: a join to
 * sums of all of them is guessed wrong where tables have grown since somebody counted their rows, and then takes a look at
 * every sum for every placement.
 */
export async function heldNow(sql: Connection): Promise<HadByAll> {
  const { rows } = await sql.query<HeldRow>(
    `SELECT r.customer_id, r.workspace_id, sum(p.cpu_milli)::bigint AS cpu,
            sum(ceil(p.memory_bytes / ${MIB}.0))::bigint AS memory, sum(${GPU_OF_PLACEMENT})::bigint AS gpu, ${startsOf("p.")}
       FROM ${OF_PLACEMENTS} WHERE p.resources_released_at IS NULL GROUP BY 1, 2`,
    [],
  );
  return byAll(
    rows.map((row) => ({
      ...row,
      held: { cpuMilli: row.cpu, memoryMib: row.memory, gpuThousandths: row.gpu },
    })),
  );
}

/** What was lately held, up to five seconds old: passes follow each other faster, and what they give is held now. */
export class CachedHeldHours {
  readonly #db: Connection;
  #stored: { lately: HadByAll; readAtMs: number } | null = null;
  #counted: Counted | null = null;

  constructor(db: Connection) {
    this.#db = db;
  }

  async at(now: Date): Promise<HadByAll> {
    const ageMs = this.#stored === null ? Infinity : now.getTime() - this.#stored.readAtMs;
    if (this.#stored !== null && ageMs >= 0 && ageMs < RETENTION_MS) return this.#stored.lately;
    const { lately, counted } = await readLately(this.#db, { now, known: this.#counted });
    this.#stored = { lately, readAtMs: now.getTime() };
    this.#counted = counted;
    return lately;
  }
}

/** Means over the hours of the decay table, in which the later counts more. */
export async function heldLately(sql: Connection, now: Date): Promise<HadByAll> {
  return (await readLately(sql, { now, known: null })).lately;
}

type Weighing = Weighed & Pick<HeldRow, "customer_id" | "workspace_id"> & Starts;

/** Hours that are counted, which weigh the same until another hour is counted or begins. */
interface Counted {
  key: string;
  weighed: readonly Weighing[];
}

async function readLately(
  sql: Connection,
  { now, known }: { now: Date; known: Counted | null },
): Promise<{ lately: HadByAll; counted: Counted }> {
  const [halfLife, through] = await Promise.all([
    setting(sql, "FAIR_SHARE_HALF_LIFE_HOURS"),
    countedThrough(sql),
  ]);
  const decay = decayTable(Number(halfLife));
  const presentMs = hourOf(now.getTime());
  const sinceMs = presentMs - (decay.length - 1) * MS_PER_HOUR;
  const countedMs = Math.max(sinceMs, through ?? sinceMs);
  const key = `${presentMs} ${countedMs} ${halfLife}`;
  const [counted, open] = await Promise.all([
    known?.key === key ? known.weighed : countedHours(sql, { presentMs, countedMs, decay }),
    secondsHeld(sql, { from: countedMs, to: now.getTime() }),
  ]);
  const weighedOpen = open.map((row): Weighing => {
    const age = (presentMs - row.hour_ms) / MS_PER_HOUR;
    const { cpu: cpuMilli, memory: memoryMib, gpu: gpuThousandths } = row;
    return { ...row, ...weighed([{ age, cpuMilli, memoryMib, gpuThousandths }], decay) };
  });
  const groups = Map.groupBy([...counted, ...weighedOpen], (row) => `${row.customer_id} ${row.workspace_id}`);
  const means = [...groups.values()].flatMap((rows) => {
    const [first] = rows;
    if (first === undefined) return [];
    return [{ ...first, held: latelyHeld(rows, decay), ...latestOf(rows) }];
  });
  return { lately: byAll(means), counted: { key, weighed: counted } };
}

function latestOf(rows: readonly Starts[]): Starts {
  return {
    last_start_at_ms: latest(rows.map((row) => row.last_start_at_ms)),
    payers_turn_at_ms: latest(rows.map((row) => row.payers_turn_at_ms)),
    workspaces_turn_at_ms: latest(rows.map((row) => row.workspaces_turn_at_ms)),
  };
}

function latest(moments: readonly (number | null)[]): number | null {
  const known = moments.filter((moment) => moment !== null);
  return known.length === 0 ? null : Math.max(...known);
}

async function countedHours(
  sql: Connection,
  { presentMs, countedMs, decay }: { presentMs: number; countedMs: number; decay: readonly number[] },
): Promise<Weighing[]> {
  const hours = decay
    .map((factor, age) => ({ hourMs: presentMs - age * MS_PER_HOUR, factor }))
    .filter(({ hourMs }) => hourMs < countedMs);
  const { rows } = await sql.query<
    Omit<HeldRow, "cpu" | "memory" | "gpu"> & Record<"cpu" | "memory" | "gpu", string>
  >(
    `SELECT h.customer_id, nullif(h.workspace_id, 0) AS workspace_id, sum(h.cpu_seconds::numeric * f.factor)::text AS cpu,
            sum(h.memory_seconds::numeric * f.factor)::text AS memory, sum(h.gpu_seconds::numeric * f.factor)::text AS gpu,
            ${msOf("max(h.last_start_at)")} AS last_start_at_ms, ${turnOf("payers_turn_at")} AS payers_turn_at_ms,
            ${turnOf("workspaces_turn_at")} AS workspaces_turn_at_ms
       FROM unnest($1::timestamptz[], $2::bigint[]) AS f(hour, factor) JOIN held_hours h ON h.hour = f.hour
      GROUP BY h.customer_id, h.workspace_id`,
    [hours.map(({ hourMs }) => new Date(hourMs)), hours.map(({ factor }) => factor)],
  );
  return rows.map(({ cpu, memory, gpu, ...row }) => ({
    ...row,
    cpuMilli: BigInt(cpu),
    memoryMib: BigInt(memory),
    gpuThousandths: BigInt(gpu),
  }));
}

/** Hours that are over are counted up to here, in milliseconds; null where none ever was. */
async function countedThrough(sql: Connection): Promise<number | null> {
  const { rows } = await sql.query<{ through_ms: number | null }>(
    "SELECT floor(extract(epoch FROM counted_through) * 1000)::bigint AS through_ms FROM queue_state",
    [],
  );
  return rows[0]?.through_ms ?? null;
}

/**
 * Counts the hours that are over and were not counted yet, the earliest first, and forgets those that no half life reaches.
 * Each is replaced as a whole, so that counting one again changes nothing.
 */
export async function countHeldHours(sql: Transaction, now: Date): Promise<{ again: boolean }> {
  const overMs = hourOf(now.getTime() - SETTLED_MS);
  const earliestMs = overMs - HELD_HOURS_RETAINED * MS_PER_HOUR;
  const fromMs = Math.max((await countedThrough(sql)) ?? earliestMs, earliestMs);
  if (fromMs >= overMs) return { again: false };
  const toMs = Math.min(overMs, fromMs + MAX_HOURS_AT_ONCE * MS_PER_HOUR);
  const rows = await secondsHeld(sql, { from: fromMs, to: toMs });
  await sql.change("DELETE FROM held_hours WHERE hour < $1 OR hour >= $2 AND hour < $3", [
    new Date(earliestMs),
    new Date(fromMs),
    new Date(toMs),
  ]);
  await sql.change(
    `INSERT INTO held_hours (hour, customer_id, workspace_id, cpu_seconds, memory_seconds, gpu_seconds, last_start_at,
            payers_turn_at, workspaces_turn_at)
     SELECT to_timestamp(h / 1000.0), c, w, cpu, memory, gpu, to_timestamp(s / 1000.0),
            ${toTurn("pt")}, ${toTurn("wt")}
       FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                   $8::bigint[], $9::bigint[])
         AS counted(h, c, w, cpu, memory, gpu, s, pt, wt)`,
    [
      rows.map((row) => row.hour_ms),
      rows.map((row) => row.customer_id),
      rows.map((row) => row.workspace_id ?? 0),
      rows.map((row) => row.cpu),
      rows.map((row) => row.memory),
      rows.map((row) => row.gpu),
      rows.map((row) => row.last_start_at_ms),
      rows.map((row) => row.payers_turn_at_ms),
      rows.map((row) => row.workspaces_turn_at_ms),
    ],
  );
  await sql.change(
    `INSERT INTO queue_state (singleton, counted_through) VALUES (true, $1)
     ON CONFLICT (singleton) DO UPDATE SET counted_through = EXCLUDED.counted_through`,
    [new Date(toMs)],
  );
  return { again: toMs < overMs };
}

/** Amounts times seconds, of each hour that the stretch touches. */
async function secondsHeld(
  sql: Connection,
  { from, to }: { from: number; to: number },
): Promise<(HeldRow & { hour_ms: number })[]> {
  if (from >= to) return [];
  const { rows } = await sql.query<HeldRow & { hour_ms: number }>(
    `WITH held AS MATERIALIZED (
       SELECT r.customer_id, r.workspace_id, p.cpu_milli, ceil(p.memory_bytes / ${MIB}.0) AS memory_mib,
              ${GPU_OF_PLACEMENT} AS gpu, p.created_at, p.is_payers_turn, p.is_workspaces_turn,
              coalesce(p.resources_released_at, $2::timestamptz) AS released_at
         FROM ${OF_PLACEMENTS}
        WHERE p.created_at < $2 AND (p.resources_released_at IS NULL OR p.resources_released_at > $1)),
     parts AS (
       SELECT held.*, hour, extract(epoch FROM least(released_at, hour + interval '1 hour', $2::timestamptz)
                                             - greatest(created_at, hour, $1::timestamptz)) AS seconds
         FROM held, generate_series(date_trunc('hour', greatest(created_at, $1::timestamptz), 'UTC'),
                                    least(released_at, $2::timestamptz), interval '1 hour') AS hour)
     SELECT customer_id, workspace_id, floor(extract(epoch FROM hour) * 1000)::bigint AS hour_ms,
            floor(sum(cpu_milli * seconds))::bigint AS cpu, floor(sum(memory_mib * seconds))::bigint AS memory,
            floor(sum(gpu * seconds))::bigint AS gpu,
            ${startsOf("", "created_at >= hour")}
       FROM parts WHERE seconds > 0 GROUP BY 1, 2, 3`,
    [new Date(from), new Date(to)],
  );
  return rows;
}

function byAll(
  rows: readonly (Pick<HeldRow, "customer_id" | "workspace_id"> & Starts & { held: Amounts })[],
): HadByAll {
  const payers = new Map<string, Had>();
  const workspaces = new Map<string, Had>();
  for (const {
    customer_id: customerId,
    workspace_id: workspaceId,
    held,
    last_start_at_ms: lastStartMs,
    payers_turn_at_ms: payersTurnMs,
    workspaces_turn_at_ms: workspacesTurnMs,
  } of rows) {
    add(payers, `${customerId}`, { held, lastStartMs, lastTurnMs: payersTurnMs });
    const workspace = sharerOf({ customerId, workspaceId });
    add(workspaces, workspace, { held, lastStartMs, lastTurnMs: workspacesTurnMs });
  }
  return { payers, workspaces };
}

function add(sums: Map<string, Had>, name: string, had: Had): void {
  sums.set(name, combined(sums.get(name), had));
}

/** Both of them; the later start counts. */
export function combined(one: Had | undefined, other: Had | undefined): Had {
  return {
    held: plus(one?.held ?? NOTHING, other?.held ?? NOTHING),
    lastStartMs: latest([one?.lastStartMs ?? null, other?.lastStartMs ?? null]),
    lastTurnMs: latest([one?.lastTurnMs ?? null, other?.lastTurnMs ?? null]),
  };
}

function hourOf(ms: number): number {
  return ms - (ms % MS_PER_HOUR);
}
