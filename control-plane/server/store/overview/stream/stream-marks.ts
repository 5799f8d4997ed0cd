/**
 * What was written lately, for streams: which workloads, accounts and hosts, each with a stamp that another writing
 * changes. Read through indexes from where the last looks were, so that it costs the same however much there is.
 */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Mark, Stamp } from "../../../core/stream/snapshot.ts";
import { topicOf, workloadTopic } from "../../../core/stream/topics.ts";
import { LIVE } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";
import { ofAllKinds } from "../../workloads/kinds.ts";

/** A transaction that writes longer than this is not seen before its rows are written again. */
export const LOOKBACK_SECONDS = 15;

/** The marks of a scan; where more was written, every listener refetches everything. */
const MAX_MARKS = 5_000;

/** The last rows of the tables that only grow, as of a look. */
export interface Heads {
  event: number;
  transaction: number;
}

export async function headsNow(sql: Connection): Promise<Heads> {
  const { rows } = await sql.query<Heads>(
    `SELECT (SELECT coalesce(max(id), 0) FROM events) AS event,
            (SELECT coalesce(max(id), 0) FROM ledger_transactions) AS transaction`,
  );
  return rows[0] ?? { event: 0, transaction: 0 };
}

interface NotedRow {
  workload_kind: WorkloadKind | null;
  workload_id: string | null;
  host_id: string | null;
  customer_id: number | null;
  last: number;
  queued: number | null;
}

const WAITS = "('queued', 'pending')";

export interface Noted {
  isBeyondBounds: boolean;
  /** The last event of each workload, by its topic; of each host; and of each account that is about no workload. */
  workloads: ReadonlyMap<string, number>;
  hosts: ReadonlyMap<string, number>;
  accounts: ReadonlyMap<number, number>;
  /** The last move into or out of the line. */
  queued: number;
}

/** Events after that one. */
export async function notedSince(sql: Connection, event: number): Promise<Noted> {
  const { rows } = await sql.query<NotedRow>(
    `SELECT e.workload_kind, e.workload_id, coalesce(e.host_id, g.host_id) AS host_id,
            CASE WHEN e.workload_id IS NULL THEN e.customer_id END AS customer_id, max(e.id) AS last,
            max(e.id) FILTER (WHERE e.workload_id IS NOT NULL AND (e.old IN ${WAITS} OR e.new IN ${WAITS})) AS queued
       FROM events e LEFT JOIN gpus g ON g.uuid = e.gpu_uuid
      WHERE e.id > $1 GROUP BY 1, 2, 3, 4 LIMIT $2`,
    [event, MAX_MARKS + 1],
  );
  const workloads = new Map<string, number>();
  const hosts = new Map<string, number>();
  const accounts = new Map<number, number>();
  for (const row of rows) {
    if (row.workload_kind !== null && row.workload_id !== null)
      noteLast(workloads, workloadTopic(row.workload_kind, row.workload_id), row.last);
    if (row.host_id !== null) noteLast(hosts, row.host_id, row.last);
    if (row.customer_id !== null) noteLast(accounts, row.customer_id, row.last);
  }
  const queued = Math.max(0, ...rows.map((row) => row.queued ?? 0));
  return { isBeyondBounds: rows.length > MAX_MARKS, workloads, hosts, accounts, queued };
}

function noteLast<Key>(last: Map<Key, number>, key: Key, id: number): void {
  last.set(key, Math.max(last.get(key) ?? 0, id));
}

/** The last transaction of each account's money after that one. */
export async function postedSince(
  sql: Connection,
  transaction: number,
): Promise<ReadonlyMap<number, number>> {
  const { rows } = await sql.query<{ customer_id: number; last: number }>(
    `SELECT customer_id, max(id) AS last FROM ledger_transactions
      WHERE id > $1 AND customer_id IS NOT NULL GROUP BY customer_id`,
    [transaction],
  );
  return new Map(rows.map(({ customer_id, last }) => [customer_id, last]));
}

const WRITTEN = ofAllKinds(
  (kind, { table }) =>
    `(SELECT '${kind}' AS kind, t.id, t.customer_id, t.workspace_id, t.updated_at, t.status FROM ${table} t
       WHERE t.updated_at > now() - make_interval(secs => $1) LIMIT $2)`,
);
const NOTED = `SELECT o.kind, o.id, o.customer_id, o.workspace_id, NULL::timestamptz AS updated_at, NULL AS status
       FROM workloads o JOIN unnest($3::text[], $4::text[]) AS n (kind, id) ON n.kind = o.kind AND n.id = o.id`;

interface WrittenRow {
  kind: WorkloadKind;
  id: string;
  customer_id: number | null;
  workspace_id: number | null;
  micros: number | null;
  waits: boolean;
}

export interface Written {
  isBeyondBounds: boolean;
  marks: ReadonlyMap<string, Mark>;
  /** When one that waits was written last. */
  queued: number;
}

/** Workloads whose rows were written lately, and those that were noted, with whose they are. */
export async function writtenLately(sql: Connection, noted: Noted["workloads"]): Promise<Written> {
  const named = [...noted.keys()].flatMap((name) => {
    const topic = topicOf(name);
    return topic?.kind === "workload" ? [topic] : [];
  });
  const { rows } = await sql.query<WrittenRow>(
    `SELECT t.kind, t.id, t.customer_id, w.id AS workspace_id,
            (extract(epoch FROM max(t.updated_at)) * 1000000)::bigint AS micros,
            coalesce(bool_or(t.status IN ${WAITS}), false) AS waits
       FROM (${WRITTEN} UNION ALL ${NOTED}) t LEFT JOIN workspaces w ON w.id = t.workspace_id AND ${LIVE}
      GROUP BY 1, 2, 3, 4`,
    [LOOKBACK_SECONDS, MAX_MARKS + 1, named.map(({ workload }) => workload), named.map(({ id }) => id)],
  );
  const marks = new Map<string, Mark>();
  for (const row of rows) {
    const topic = workloadTopic(row.kind, row.id);
    const stamp: Stamp = { noted: noted.get(topic) ?? 0, written: row.micros ?? 0 };
    marks.set(topic, { stamp, customerId: row.customer_id, workspaceId: row.workspace_id });
  }
  const queued = Math.max(0, ...rows.map((row) => (row.waits ? (row.micros ?? 0) : 0)));
  return { isBeyondBounds: rows.length > MAX_MARKS, marks, queued };
}
