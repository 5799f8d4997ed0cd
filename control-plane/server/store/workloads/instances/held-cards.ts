/** Which cards a workload holds and held, and from when to when: of ended runs, too. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../../database/database.ts";

export interface HeldCard {
  uuid: string;
  rank: number;
  allocated_at: Date;
  /** Null: it holds it. */
  released_at: Date | null;
}

/** Those of the stretch, the latest first, `limit` at most; and how many there are in all. */
export async function heldCards(
  sql: Connection,
  { kind, id }: { kind: WorkloadKind; id: string },
  { from, to, rank, limit }: { from: Date; to: Date; rank: number | null; limit: number },
): Promise<{ cards: HeldCard[]; count: number }> {
  const { rows } = await sql.query<HeldCard & { count: number }>(
    `SELECT a.gpu_uuid AS uuid, i.rank, a.allocated_at, a.released_at, count(*) OVER () AS count
       FROM instances i JOIN gpu_allocations a ON a.instance_id = i.id
      WHERE i.workload_kind = $1 AND i.workload_id = $2 AND ($3::int IS NULL OR i.rank = $3)
        AND a.allocated_at < $5 AND (a.released_at IS NULL OR a.released_at > $4)
      ORDER BY a.allocated_at DESC, i.rank, a.id LIMIT $6`,
    [kind, id, rank, from, to, limit],
  );
  return { cards: rows.map(({ count: _count, ...card }) => card), count: rows[0]?.count ?? 0 };
}
