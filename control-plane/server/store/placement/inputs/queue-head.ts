/**
 * Whose place is kept from one pass to the next, and over restarts. It is known by the moment of its order as well, so
 * that what was cancelled and is wanted again waits like all others.
 */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { type StartName, startKey } from "../../../core/workloads/start.ts";
import type { Connection } from "../../database/database.ts";

export interface ReservedHead {
  start: StartName;
  orderedAtMs: number;
}

/** Null where no place is kept. */
export async function reservedHead(sql: Connection): Promise<ReservedHead | null> {
  const { rows } = await sql.query<{
    kind: WorkloadKind;
    id: string;
    first_rank: number;
    ordered_at_ms: number;
  }>(
    `SELECT head_kind AS kind, head_id AS id, head_first_rank AS first_rank, head_ordered_at_ms AS ordered_at_ms
       FROM queue_state WHERE head_id IS NOT NULL`,
    [],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { first_rank: firstRank, ordered_at_ms: orderedAtMs, ...name } = row;
  return { start: { ...name, firstRank }, orderedAtMs };
}

export async function keepHead(sql: Connection, head: ReservedHead | null): Promise<void> {
  await sql.change(
    `INSERT INTO queue_state (singleton, head_kind, head_id, head_first_rank, head_ordered_at_ms) VALUES (true, $1, $2, $3, $4)
     ON CONFLICT (singleton) DO UPDATE SET head_kind = $1, head_id = $2, head_first_rank = $3, head_ordered_at_ms = $4`,
    [
      head?.start.kind ?? null,
      head?.start.id ?? null,
      head?.start.firstRank ?? null,
      head?.orderedAtMs ?? null,
    ],
  );
}

export function isSameHead(one: ReservedHead | null, other: ReservedHead | null): boolean {
  if (one === null || other === null) return one === other;
  return startKey(one.start) === startKey(other.start) && one.orderedAtMs === other.orderedAtMs;
}
