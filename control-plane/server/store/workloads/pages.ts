/**
 * Lists of workloads, whatever their kind: whose are shown, by which filters, newest first, a page at a time. What a
 * row shows is the kind's own SELECT.
 */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { QueryResultRow } from "pg";
import type { Connection } from "../database/database.ts";
import { knownStatus } from "../database/values/old-values.ts";
import { hasPart } from "../database/values/text-part.ts";
import { storeOf } from "./kinds.ts";
import { isVisible, visibleParameters, type VisibleTo } from "../accounts/visibility.ts";

export interface WorkloadFilter {
  /** Null: everybody's. */
  visibleTo: VisibleTo | null;
  workspaceId: number | null;
  customerId: number | null;
  status: string | null;
  /** A part of it. */
  name: string | null;
  /** Of environments only. */
  hostId?: string | null;
  /** Of training jobs only: elements of this array. */
  groupId?: string | null;
}

export interface WorkloadPage {
  limit: number;
  /** The key of the last row seen. */
  after: { micros: string; id: string } | null;
}

/** Microseconds since 1970. Rows of the old system may have no time of creation, or one that no number holds. */
const CREATED = `(extract(epoch FROM least(greatest(coalesce(w.created_at, 'epoch'), '0001-01-01Z'), '9999-12-31Z')) * 1000000)::bigint`;

/** Newest first; fetches one row more than the limit. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export async function listWorkloads<Row extends QueryResultRow>(
  sql: Connection,
  kind: WorkloadKind,
  { filter, page }: { filter: WorkloadFilter; page: WorkloadPage },
): Promise<(Row & { created_micros: string })[]> {
  const { table, select, columns } = storeOf(kind);
  const { rows } = await sql.query<Row & { created_micros: string }>(
    `WITH page AS (
       SELECT w.id AS page_id, ${CREATED} AS created FROM ${table} w
        WHERE w.deleted_at IS NULL
          AND ${isVisible("w", ["$1", "$2"])}
          AND ($3::bigint IS NULL OR w.workspace_id = $3) AND ($4::bigint IS NULL OR w.customer_id = $4)
          AND ($5::text IS NULL OR ${knownStatus(kind, "w")} = $5) AND ($6::text IS NULL OR ${hasPart("w.name", "$6")})
          AND ($7::text IS NULL OR ${columns.hostId} = $7)
          AND ($8::bigint IS NULL OR (${CREATED}, w.id) < ($8::bigint, $9::text))
          AND ($11::text IS NULL OR ${columns.groupId} = $11)
        ORDER BY created DESC, w.id DESC LIMIT $10)
     SELECT page.created::text AS created_micros, shown.* FROM page JOIN (${select}) shown ON shown.id = page.page_id
      ORDER BY page.created DESC, page.page_id DESC`,
    [
      ...visibleParameters(filter.visibleTo),
      filter.workspaceId,
      filter.customerId,
      filter.status,
      filter.name,
      filter.hostId ?? null,
      page.after?.micros ?? null,
      page.after?.id ?? null,
      page.limit + 1,
      filter.groupId ?? null,
    ],
  );
  return rows;
}
