/**
 * The wishes that make the number of a service's replicas, and that number: whatever changes one of them writes it here,
 * and the number with it, in one statement, since the database refuses numbers beyond their bounds.
 */
import type { InferenceServiceStatus } from "@remotegpu/shared/workload";
import { wantedReplicas } from "../../core/inference/wanted-replicas.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { knownStatus, SOUND_SIZES } from "../database/values/old-values.ts";

interface WishesRow {
  id: string;
  status: InferenceServiceStatus;
  min: number;
  max: number;
  people: number | null;
}

const WISHES = `SELECT s.id, ${knownStatus("inference", "s")} AS status, coalesce(s.min_replicas, 1) AS min,
    coalesce(s.max_replicas, 10) AS max, s.wished_replicas AS people FROM inference_services s WHERE s.id = ANY($1::text[])`;

/** As many as each is to have once it is in that status. The services are held by the caller. */
export async function wantedIn(
  sql: Connection,
  moves: readonly { id: string; status: InferenceServiceStatus }[],
): Promise<Map<string, number>> {
  const { rows } = await sql.query<WishesRow>(WISHES, [moves.map(({ id }) => id)]);
  const known = new Map(rows.map((row) => [row.id, row]));
  return new Map(
    moves.flatMap(({ id, status }) => {
      const row = known.get(id);
      return row === undefined ? [] : [[id, wantedReplicas({ ...row, status })] as const];
    }),
  );
}

export interface WishChange {
  min?: number | undefined;
  max?: number | undefined;
  /** As many as people ask for. */
  people?: number | undefined;
}

/** Answers the number that is wanted now. The service is held by the caller. */
export async function changeWishes(sql: Transaction, id: string, change: WishChange): Promise<number> {
  const { rows } = await sql.query<WishesRow>(WISHES, [[id]]);
  const [row] = rows;
  if (row === undefined) throw new Error(`service ${id} vanished within its own transaction`);
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const wishes = { ...row, ...given };
  const wanted = wantedReplicas(wishes);
  await sql.query(
    `UPDATE inference_services SET ${SOUND_SIZES}, min_replicas = $2, max_replicas = $3, wished_replicas = $4, replicas = $5
      WHERE id = $1`,
    [id, wishes.min, wishes.max, wishes.people, wanted],
  );
  return wanted;
}

/** How many replicas failed in a row, and until when no other is made because of it. */
export async function noteFailures(
  sql: Connection,
  id: string,
  { failures, until }: { failures: number; until: Date | null },
): Promise<void> {
  await sql.query(
    `UPDATE inference_services SET ${SOUND_SIZES}, replica_failures = $2, replace_after = $3 WHERE id = $1`,
    [id, failures, until],
  );
}
