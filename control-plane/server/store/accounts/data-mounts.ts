/** Who mounts datasets and models, of a whole page of them at once. */
import type { DataReader } from "../../core/accounts/data-rights.ts";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../database/database.ts";
import { type DataKind, mountsOf } from "./catalogue.ts";
import { isVisible, visibleParameters } from "./visibility.ts";

export interface MountedBy {
  /** The mounts that a reader may see: an entry's owner and administrators see all of them, which hold it. */
  count: number;
  /** The first of those that the reader may see. */
  workloads: readonly { kind: WorkloadKind; id: string; name: string }[];
}

export const UNMOUNTED: MountedBy = { count: 0, workloads: [] };
const MOST_NAMED = 5;

/** By the entries' ids; missing where nobody mounts one. */
export async function mountsOfData(
  sql: Connection,
  kind: DataKind,
  { entries, reader }: { entries: readonly { id: number; customer_id: number }[]; reader: DataReader },
): Promise<Map<number, MountedBy>> {
  if (entries.length === 0) return new Map();
  const { rows } = await sql.query<{ id: number } & MountedBy>(
    `SELECT e.id, coalesce(count(*) FILTER (WHERE e.owned OR m.seen), 0) AS count,
            coalesce(jsonb_agg(jsonb_build_object('kind', m.kind, 'id', m.id, 'name', m.name) ORDER BY m.nth)
              FILTER (WHERE m.seen AND m.nth <= ${MOST_NAMED}), '[]') AS workloads
       FROM unnest($3::bigint[], $4::boolean[]) AS e (id, owned),
            LATERAL (SELECT w.kind, w.id, w.name, w.seen,
                            row_number() OVER (PARTITION BY w.seen ORDER BY w.kind, w.name, w.id) AS nth
                       FROM (SELECT o.*, ${isVisible("o", ["$1", "$2"])} AS seen FROM (${mountsOf(kind, "e.id")}) o) w) m
      GROUP BY e.id`,
    [
      ...visibleParameters(reader.isAdmin ? null : reader),
      entries.map(({ id }) => id),
      entries.map((entry) => reader.isAdmin || entry.customer_id === reader.customerId),
    ],
  );
  return new Map(rows.map(({ id, ...mountedBy }) => [id, mountedBy]));
}
