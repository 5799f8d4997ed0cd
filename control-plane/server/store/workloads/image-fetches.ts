/**
 * Images that hosts fetch for orders which wait, without a place of theirs: ordered, read, ended. When one is ordered or
 * ends is core/hosts/images/image-fetch.ts; a host's open ones are part of its desired set, so whoever changes them raises its
 * generation.
 */
import type { PullProblem } from "@remotegpu/shared/instance/image-fetch";
import {
  ENDED_FETCH_RETENTION_MS,
  MAX_FETCHES_OF_CUSTOMER,
  type FetchEnd,
  type OpenFetch,
  type PullProgress,
} from "../../core/hosts/images/image-fetch.ts";
import type { Connection } from "../database/database.ts";
import type { RegistryList } from "../../core/hosts/images/registries.ts";
import { FOLLOWS_FETCHES } from "../hosts/host-features.ts";
import { imageRefusals } from "../hosts/images/image-needs.ts";
import { type StartName, startKey } from "../../core/workloads/start.ts";
import type { WorkloadName } from "../../core/workloads/workload-name.ts";
import { WAITING_STARTS } from "./kinds.ts";

export interface OpenFetchRow extends OpenFetch {
  id: string;
  start: StartName;
  hostId: string;
  hostName: string;
  image: string;
}

/**
 * Open ones as `f`, each with its place among those that one customer has on its host. Of before it is not known whose
 * they are, so each counts for itself.
 */
export const FETCHES_IN_TURN = `(SELECT o.*, row_number() OVER (
    PARTITION BY o.host_id, coalesce(o.payer_id::text, o.id) ORDER BY o.since, o.id) AS turn
  FROM image_fetches o WHERE o.ended_at IS NULL) f`;

/** The others wait for the customer's own before them, and their host does not know of them. */
export const IS_SENT = `f.turn <= ${MAX_FETCHES_OF_CUSTOMER}`;

/**
 * Of the host `h`: how many fetches it is told of, and how many of them and of others one customer has there.
 * @param payer an expression of the query
 */
export function fetchCounts(payer: string): string {
  return `(SELECT count(*) FROM ${FETCHES_IN_TURN} WHERE f.host_id = h.id AND ${IS_SENT}) AS fetches_of_host,
    (SELECT count(*) FROM image_fetches f
      WHERE f.host_id = h.id AND f.ended_at IS NULL AND f.payer_id = ${payer}) AS fetches_of_customer`;
}

interface OpenRow {
  id: string;
  workload_kind: WorkloadName["kind"];
  workload_id: string;
  first_rank: number;
  host_id: string;
  host_name: string;
  image: string;
  since: Date;
  pulled_ms: number;
  pulling_since: Date | null;
  is_waited_for: boolean;
  is_served: boolean;
  state: NonNullable<OpenFetch["reported"]>["state"] | null;
  problem: PullProblem | null;
}

const IS_WAITED_FOR = `(f.workload_kind, f.workload_id, f.first_rank) IN (
  SELECT w.kind, w.id, w.first_rank FROM (${WAITING_STARTS}) w)`;

/** A host that was not heard for a moment may go on; one on which nothing is placed any more need not. */
const IS_SERVED = `h.deleted_at IS NULL AND h.revoked_at IS NULL AND NOT h.cordoned
  AND h.connection IN ('connected', 'suspect') AND ${FOLLOWS_FETCHES}`;

/**
 * @param list says which images may be fetched
 * @param id null: all of them; each host has few
 */
export async function openFetches(
  sql: Connection,
  list: RegistryList,
  id: string | null = null,
): Promise<OpenFetchRow[]> {
  const { rows } = await sql.query<OpenRow>(
    `SELECT f.id, f.workload_kind, f.workload_id, f.first_rank, f.host_id, h.name AS host_name, f.image, f.since, f.pulled_ms, f.pulling_since,
            ${IS_WAITED_FOR} AS is_waited_for, ${IS_SERVED} AS is_served, p.state, p.problem
       FROM image_fetches f JOIN hosts h ON h.id = f.host_id
       LEFT JOIN host_pulls p ON p.host_id = f.host_id AND p.image = f.image AND p.fetch_id = f.id
      WHERE f.ended_at IS NULL AND ($1::text IS NULL OR f.id = $1) ORDER BY f.since, f.id`,
    [id],
  );
  const refusals = await imageRefusals(
    sql,
    rows.map(({ image }) => image),
    list,
  );
  return rows.map((row, index) => ({
    id: row.id,
    start: { kind: row.workload_kind, id: row.workload_id, firstRank: row.first_rank },
    hostId: row.host_id,
    hostName: row.host_name,
    image: row.image,
    sinceMs: row.since.getTime(),
    pulledMs: row.pulled_ms,
    pullingSinceMs: row.pulling_since?.getTime() ?? null,
    isAllowed: refusals[index] === null,
    isWaitedFor: row.is_waited_for,
    isServed: row.is_served,
    reported: row.state === null ? null : { state: row.state, problem: row.problem },
  }));
}

/** Call with the workload and the host held. */
export async function orderFetch(
  sql: Connection,
  fetch: { id: string; start: StartName; hostId: string; image: string; payerId: number; now: Date },
): Promise<void> {
  await sql.change(
    `INSERT INTO image_fetches (id, workload_kind, workload_id, first_rank, host_id, image, payer_id, since)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      fetch.id,
      fetch.start.kind,
      fetch.start.id,
      fetch.start.firstRank,
      fetch.hostId,
      fetch.image,
      fetch.payerId,
      fetch.now,
    ],
  );
}

export async function endFetch(
  sql: Connection,
  { id, end, now }: { id: string; end: FetchEnd; now: Date },
): Promise<void> {
  await sql.change("UPDATE image_fetches SET ended_at = $2, outcome = $3, problem = $4 WHERE id = $1", [
    id,
    now,
    end.outcome,
    end.outcome === "failed" ? end.problem : null,
  ]);
}

export async function forgetEndedFetches(sql: Connection, now: Date): Promise<void> {
  await sql.change("DELETE FROM image_fetches WHERE ended_at <= $1", [
    new Date(now.getTime() - ENDED_FETCH_RETENTION_MS),
  ]);
}

/** What a waiting order is told of the fetch that it waits for. */
export interface AwaitedFetch {
  hostName: string;
  pull: PullProgress | null;
}

/**
 * By the key of the start. Until the host has heard of the fetch it may be pulling already, for the placement
 * that was taken back.
 * @param starts null: all that wait
 */
export async function awaitedFetches(
  sql: Connection,
  starts: readonly StartName[] | null = null,
): Promise<Map<string, AwaitedFetch>> {
  const { rows } = await sql.query<
    WorkloadName & {
      first_rank: number;
      host_name: string;
      state: PullProgress["state"] | null;
      layers_done: number | null;
      layers: number | null;
      bytes_done: number | null;
      bytes: number | null;
      is_told: boolean;
    }
  >(
    `SELECT f.workload_kind AS kind, f.workload_id AS id, f.first_rank, h.name AS host_name, ${IS_SENT} AS is_told, p.state,
            p.layers_done, p.layers, p.bytes_done, p.bytes
       FROM ${FETCHES_IN_TURN} JOIN hosts h ON h.id = f.host_id
       LEFT JOIN LATERAL (
         SELECT * FROM host_pulls t
          WHERE t.host_id = f.host_id AND t.image = f.image
            AND (t.fetch_id = f.id OR t.fetch_id IS NULL AND (t.instance_ids IS NULL OR t.instance_ids && ARRAY(
                  SELECT i.id::text FROM instances i
                   WHERE i.workload_kind = f.workload_kind AND i.workload_id = f.workload_id)))
          ORDER BY t.fetch_id NULLS LAST, t.instance_ids LIMIT 1) p ON true
      WHERE ($1::text[] IS NULL OR (f.workload_kind, f.workload_id, f.first_rank) IN (
              SELECT * FROM unnest($1::text[], $2::text[], $3::int[])))`,
    [
      starts?.map(({ kind }) => kind) ?? null,
      starts?.map(({ id }) => id) ?? null,
      starts?.map(({ firstRank }) => firstRank) ?? null,
    ],
  );
  return new Map(
    rows.map(({ host_name: hostName, first_rank: firstRank, state, is_told: isReported, ...row }) => [
      startKey({ kind: row.kind, id: row.id, firstRank }),
      { hostName, pull: isReported ? state && { state, ...numbersOf(row) } : NOT_REPORTED },
    ]),
  );
}

const NOT_REPORTED: PullProgress = {
  state: "waiting",
  layersDone: null,
  layers: null,
  bytesDone: null,
  bytes: null,
};

function numbersOf(row: {
  layers_done: number | null;
  layers: number | null;
  bytes_done: number | null;
  bytes: number | null;
}): Omit<PullProgress, "state"> {
  return { layersDone: row.layers_done, layers: row.layers, bytesDone: row.bytes_done, bytes: row.bytes };
}

/** Open ones, and for a while those that are over, the newest first. */
export interface FetchOfWorkload {
  hostId: string;
  hostName: string;
  image: string;
  since: Date;
  endedAt: Date | null;
  /** Null while it goes on. */
  end: FetchEnd | null;
}

export async function fetchesOfWorkload(
  sql: Connection,
  { kind, id }: WorkloadName,
): Promise<FetchOfWorkload[]> {
  const { rows } = await sql.query<{
    host_id: string;
    host_name: string;
    image: string;
    since: Date;
    ended_at: Date | null;
    outcome: FetchEnd["outcome"] | null;
    problem: PullProblem | null;
  }>(
    `SELECT f.host_id, h.name AS host_name, f.image, f.since, f.ended_at, f.outcome, f.problem
       FROM image_fetches f JOIN hosts h ON h.id = f.host_id
      WHERE f.workload_kind = $1 AND f.workload_id = $2 ORDER BY f.since DESC, f.id`,
    [kind, id],
  );
  return rows.map(({ outcome, problem, ...row }) => ({
    hostId: row.host_id,
    hostName: row.host_name,
    image: row.image,
    since: row.since,
    endedAt: row.ended_at,
    end:
      outcome === null
        ? null
        : outcome === "failed"
          ? { outcome, problem: problem ?? "failed" }
          : { outcome },
  }));
}
