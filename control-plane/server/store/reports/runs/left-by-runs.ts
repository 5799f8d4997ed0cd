/** What failed runs wrote last and whether they left anything new, once their hosts have told it. */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../../database/database.ts";

/** A host tells what is left with the end or a moment after it; what it has not told by then it never may. */
const REPORTED_WITHIN_MS = MS_PER_MINUTE;

/** Null where a host may still tell. What was lost says nothing any more. */
export async function tailsOfRuns(
  sql: Connection,
  { runIds, now }: { runIds: readonly string[]; now: Date },
): Promise<string[] | null> {
  const { rows } = await sql.query<{ tail: string | null; is_open: boolean }>(
    `SELECT e.tail, e.run_id IS NULL AND p.state <> 'lost' AND p.state_changed_at > $2 AS is_open
       FROM placements p LEFT JOIN run_ends e ON e.run_id = p.run_id WHERE p.run_id = ANY($1::text[])`,
    [runIds, new Date(now.getTime() - REPORTED_WITHIN_MS)],
  );
  if (rows.some(({ is_open: isOpen }) => isOpen)) return null;
  return rows.flatMap(({ tail }) => (tail === null ? [] : [tail]));
}

/**
 * The last attempt of a workload that left a file which none before it had; 0 where none did. Null where a host of these runs
 * may still tell.
 */
export async function lastGain(
  sql: Connection,
  { kind, id, ...runs }: { kind: WorkloadKind; id: string; runIds: readonly string[]; now: Date },
): Promise<number | null> {
  if ((await tailsOfRuns(sql, runs)) === null) return null;
  const { rows } = await sql.query<{ attempt: number | null }>(
    `SELECT max((p.spec -> 'env' ->> 'REMOTEGPU_ATTEMPT')::int) AS attempt
       FROM instances i JOIN placements p ON p.instance_id = i.id JOIN run_ends e ON e.run_id = p.run_id
      WHERE i.workload_kind = $1 AND i.workload_id = $2 AND e.new_output`,
    [kind, id],
  );
  return rows[0]?.attempt ?? 0;
}
