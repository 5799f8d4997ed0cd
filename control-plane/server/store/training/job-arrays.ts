/**
 * Arrays of training jobs: their rows, how their elements stand, and whose turn it is not yet. An element is a job like
 * any other; new-jobs.ts writes it.
 */
import type { Reason } from "../../core/reasons/reason.ts";
import { type ArrayRange, type ElementCounts, turnReason } from "../../core/training/array.ts";
import { startKey } from "../../core/workloads/start.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { knownStatus } from "../database/values/old-values.ts";
import { isVisible, visibleParameters, type VisibleTo } from "../accounts/visibility.ts";

export interface NewArray {
  id: string;
  customerId: number;
  workspaceId: number;
  name: string;
  range: ArrayRange;
}

export async function insertArray(
  sql: Transaction,
  { id, customerId, workspaceId, name, range }: NewArray,
  now: Date,
): Promise<void> {
  await sql.change(
    `INSERT INTO training_job_groups (id, customer_id, workspace_id, name, first_index, last_index, at_once, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [id, customerId, workspaceId, name, range.from, range.to, range.atOnce, now],
  );
}

export interface JobArrayRow {
  id: string;
  customer_id: number;
  owner_username: string | null;
  workspace_id: number | null;
  name: string;
  first_index: number;
  last_index: number;
  at_once: number | null;
  created_at: Date;
  elements: ElementCounts;
}

const STATUSES = ["pending", "queued", "running", "stopping", "completed", "failed", "cancelled"];
const COUNTS = STATUSES.map(
  (status) => `'${status}', (count(*) FILTER (WHERE ${knownStatus("training", "j")} = '${status}'))::int`,
).join(", ");
const SELECT = `SELECT g.id, g.customer_id, (SELECT o.username FROM customers o WHERE o.id = g.customer_id) AS owner_username,
    g.workspace_id, g.name, g.first_index, g.last_index, g.at_once, g.created_at,
    (SELECT json_build_object(${COUNTS}) FROM training_jobs j WHERE j.group_id = g.id AND j.deleted_at IS NULL) AS elements
  FROM training_job_groups g`;

/** Null for one that does not exist or is deleted. */
export async function jobArrayById(sql: Connection, id: string): Promise<JobArrayRow | null> {
  const { rows } = await sql.query<JobArrayRow>(`${SELECT} WHERE g.id = $1 AND g.deleted_at IS NULL`, [id]);
  return rows[0] ?? null;
}

interface ArrayFilter {
  /** Null: everybody's. */
  visibleTo: VisibleTo | null;
  workspaceId: number | null;
  name: string | null;
}

interface ArrayPage {
  limit: number;
  after: { micros: string; id: string } | null;
}

/** Newest first; fetches one row more than the limit. */
export async function listJobArrays(
  sql: Connection,
  { filter, page }: { filter: ArrayFilter; page: ArrayPage },
): Promise<(JobArrayRow & { created_micros: string })[]> {
  const created = "(extract(epoch FROM g.created_at) * 1000000)::bigint";
  const { rows } = await sql.query<JobArrayRow & { created_micros: string }>(
    `WITH page AS (
       SELECT g.id AS page_id, ${created} AS created FROM training_job_groups g
        WHERE g.deleted_at IS NULL
          AND ${isVisible("g", ["$1", "$2"])}
          AND ($3::bigint IS NULL OR g.workspace_id = $3) AND ($4::text IS NULL OR g.name = $4)
          AND ($5::bigint IS NULL OR (${created}, g.id) < ($5::bigint, $6::text))
        ORDER BY created DESC, g.id DESC LIMIT $7)
     SELECT page.created::text AS created_micros, shown.* FROM page JOIN (${SELECT}) shown ON shown.id = page.page_id
      ORDER BY page.created DESC, page.page_id DESC`,
    [
      ...visibleParameters(filter.visibleTo),
      filter.workspaceId,
      filter.name,
      page.after?.micros ?? null,
      page.after?.id ?? null,
      page.limit + 1,
    ],
  );
  return rows;
}

/** In the order of their turns. */
export async function elementIds(sql: Connection, arrayId: string): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    "SELECT id FROM training_jobs WHERE group_id = $1 AND deleted_at IS NULL ORDER BY array_index",
    [arrayId],
  );
  return rows.map(({ id }) => id);
}

export async function markArrayDeleted(sql: Connection, id: string, now: Date): Promise<void> {
  await sql.change("UPDATE training_job_groups SET deleted_at = $2 WHERE id = $1", [id, now]);
}

/** What hosts have something of, and what has ended or waits holds no turn. */
const HAS_TURN = `(j.status IN ('running', 'stopping') OR j.status = 'queued' AND j.placed_at IS NOT NULL)`;
const WAITS = "j.status = 'queued' AND j.placed_at IS NULL AND j.confirmed_at IS NOT NULL";

/** Elements that wait although there might be room, by the keys of their starts: so many of their array are at it already. */
export async function withoutTurn(sql: Connection): Promise<Map<string, Reason>> {
  const { rows } = await sql.query<{ id: string; at_once: number }>(
    `WITH open AS (
       SELECT j.id, j.group_id, j.array_index, g.at_once, ${HAS_TURN} AS has_turn
         FROM training_jobs j JOIN training_job_groups g ON g.id = j.group_id
        WHERE g.at_once IS NOT NULL AND j.deleted_at IS NULL AND (${HAS_TURN} OR ${WAITS})),
     lined AS (
       SELECT id, at_once, has_turn,
              row_number() OVER (PARTITION BY group_id ORDER BY has_turn DESC, array_index) AS nth FROM open)
     SELECT id, at_once FROM lined WHERE NOT has_turn AND nth > at_once`,
  );
  const keyOf = (id: string) => startKey({ kind: "training", id, firstRank: 0 });
  return new Map(rows.map(({ id, at_once: atOnce }) => [keyOf(id), turnReason(atOnce)]));
}

/**
 * Of these elements, whose rows are held, those that have their turn. Two who place at the same time wait here for each
 * other, since each holds the array to the end of its transaction.
 */
export async function withTurn(sql: Transaction, jobs: readonly ArrayElement[]): Promise<Set<string>> {
  const groups = [...new Set(jobs.flatMap(({ group_id: id }) => (id === null ? [] : [id])))];
  if (groups.length === 0) return new Set(jobs.map(({ id }) => id));
  const { rows } = await sql.query<{ id: string; at_once: number | null }>(
    "SELECT id, at_once FROM training_job_groups WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE",
    [groups],
  );
  const { rows: counted } = await sql.query<{ group_id: string; count: number }>(
    `SELECT j.group_id, count(*)::int AS count FROM training_jobs j
      WHERE j.group_id = ANY($1::text[]) AND j.deleted_at IS NULL AND ${HAS_TURN} GROUP BY 1`,
    [groups],
  );
  const active = new Map(counted.map(({ group_id: id, count }) => [id, count]));
  const left = new Map(
    rows.map(({ id, at_once: atOnce }) => [id, (atOnce ?? Infinity) - (active.get(id) ?? 0)]),
  );
  const inTurn = [...jobs].sort((a, b) => (a.array_index ?? 0) - (b.array_index ?? 0));
  return new Set(
    inTurn.flatMap(({ id, group_id: group }) => {
      if (group === null) return [id];
      const room = left.get(group) ?? 0;
      if (room < 1) return [];
      left.set(group, room - 1);
      return [id];
    }),
  );
}

export interface ArrayElement {
  id: string;
  group_id: string | null;
  array_index: number | null;
}
