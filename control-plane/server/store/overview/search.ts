/** Names and ids that have a part, of all that somebody may see, a page at a time: the nearest first. */
import type { VisibleTo } from "../accounts/visibility.ts";
import { isVisible, visibleParameters } from "../accounts/visibility.ts";
import type { Connection } from "../database/database.ts";
import { hasPart } from "../database/values/text-part.ts";
import { ofAllKinds } from "../workloads/kinds.ts";

export const FOUND_KINDS = [
  "environment",
  "training",
  "inference",
  "host",
  "customer",
  "dataset",
  "model",
] as const;

export interface Found {
  kind: (typeof FOUND_KINDS)[number];
  id: string;
  name: string;
  status: string | null;
  /** 0: it is called so; 1: it begins so; 2: it has it somewhere. */
  nearness: number;
}

/** Where a page ended. */
export type FoundBefore = Pick<Found, "nearness" | "name" | "kind" | "id">;

const ORDER = "nearness, name, kind, id";

interface Searched {
  kind: string;
  table: string;
  id: string;
  name: string;
  status: string;
  among: string;
}

const WORKLOADS = ofAllKinds((kind, { table }) =>
  foundIn({
    kind,
    table: `${table} t`,
    id: "t.id",
    name: "t.name",
    status: "t.status",
    among: `t.deleted_at IS NULL AND ${isVisible("t", ["$2", "$3"])}`,
  }),
);

/** Read by the rule of core/accounts/data-rights.ts. */
const DATA = (["dataset", "model"] as const)
  .map((kind) =>
    foundIn({
      kind,
      table: `${kind}s t`,
      id: "t.id::text",
      name: "t.name",
      status: "t.status",
      among: `($2::bigint IS NULL OR t.customer_id = $2 OR t.visibility = 'public'
               OR t.visibility = 'workspace' AND t.workspace_id = ANY($3::bigint[]))`,
    }),
  )
  .join(" UNION ALL ");

const OF_ADMINS = [
  foundIn({
    kind: "host",
    table: "hosts t",
    id: "t.id",
    name: "t.name",
    status: "coalesce(t.status, 'offline')",
    among: "t.deleted_at IS NULL",
  }),
  foundIn({
    kind: "customer",
    table: "customers t",
    id: "t.id::text",
    name: "t.username",
    status: "t.status",
    among: "t.deleted_at IS NULL",
  }),
].join(" UNION ALL ");

/** Those that begin so, and those that are called so, before those that have it somewhere. */
function foundIn({ kind, table, id, name, status, among }: Searched): string {
  const nearness = `CASE WHEN ${id} = $1 OR lower(${name}) = lower($1) THEN 0
    WHEN starts_with(lower(${id}), lower($1)) OR starts_with(lower(${name}), lower($1)) THEN 1 ELSE 2 END`;
  return `(SELECT * FROM (SELECT '${kind}' AS kind, ${id}::text AS id, ${name}::text AS name, ${status}::text AS status,
            ${nearness} AS nearness FROM ${table} WHERE ${among} AND (${hasPart(id, "$1")} OR ${hasPart(name, "$1")})) t
    WHERE $4::int IS NULL OR (${ORDER}) > ($4, $5::text, $6::text, $7::text) ORDER BY ${ORDER} LIMIT $8)`;
}

/** @param visibleTo null: an administrator, who sees everybody's and the fleet */
export async function search(
  sql: Connection,
  {
    part,
    visibleTo,
    after,
    limit,
  }: { part: string; visibleTo: VisibleTo | null; after: FoundBefore | null; limit: number },
): Promise<Found[]> {
  const searched = [WORKLOADS, DATA, ...(visibleTo === null ? [OF_ADMINS] : [])].join(" UNION ALL ");
  const { rows } = await sql.query<Found>(
    `SELECT kind, id, name, status, nearness FROM (${searched}) f ORDER BY ${ORDER} LIMIT $8`,
    [
      part,
      ...visibleParameters(visibleTo),
      after?.nearness ?? null,
      after?.name ?? null,
      after?.kind ?? null,
      after?.id ?? null,
      limit,
    ],
  );
  return rows;
}
