/**
 * Which hosts the map shows, in which order, and where among all of them a page lies. The database filters and sorts, since
 * of ten thousand hosts a page is only some, and what is said of all must not be true of that page alone.
 */
import type { HostConnection } from "@remotegpu/shared/values/workload";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Connection } from "../database/database.ts";
import { readColumns } from "../database/read-columns.ts";
import { type StatusReasonRow, statusReasonColumns } from "../database/values/reason-columns.ts";
import { hasPart } from "../database/values/text-part.ts";
import { IS_HELD, IS_OPEN } from "../fleet/free-cards.ts";

export type MapGroup = { by: "model" } | { by: "label"; key: string };

export interface MapQuery {
  limit: number;
  /** The host before the page's first; null: from the beginning. */
  after: string | null;
  /** Part of an id, a name, or a label as key=value. */
  search: string | null;
  /** Bytes that a card must have, and be free as a whole. */
  freeGpuMemory: number | null;
  group: MapGroup | null;
}

export interface HostInLine extends StatusReasonRow {
  id: string;
  host_name: string;
  status: string;
  connection: HostConnection;
  cordoned: boolean;
  simulated: boolean;
  labels: Record<string, string> | null;
  heard_ms: number | null;
  /** "" for hosts without it, and for all where none is asked for. */
  group_name: string;
  /** The hosts of the group that match, on whatever page. */
  of_group: number;
  /** From 1. */
  nth: number;
  found: number;
  /** Cards of them that are free with so much memory; null where none is asked for. */
  found_gpus: number | null;
  /** Behind which the page before this one begins, if this one begins with this host; null: at the beginning. */
  before_previous: string | null;
}

const COLUMNS = [
  "id",
  "host_name",
  "status",
  "status_reason",
  "status_reason_code",
  "status_reason_params",
  "connection",
  "cordoned",
  "simulated",
  "labels",
  "heard_ms",
  "group_name",
  "of_group",
  "nth",
  "found",
  "found_gpus",
  "before_previous",
] as const;

/** The cards of connected hosts: of a host that never connected nobody knows which cards it has. */
export const CARDS = `gpus g JOIN hosts h ON h.id = g.host_id AND h.deleted_at IS NULL AND h.connection <> 'never'
  LEFT JOIN gpu_health k ON k.gpu_uuid = g.uuid`;

/** Models of a host are one text, however many they are. */
const MAX_GROUP_LENGTH = 128;
/** For the choice of groups. */
const MAX_LABEL_KEYS = 500;

const LABELS = "CASE WHEN jsonb_typeof(h.labels) = 'object' THEN h.labels ELSE '{}' END";

/** SQL: milliseconds since 1970. */
export const moment = (column: string) =>
  `CASE WHEN ${column} IS NOT NULL
    THEN floor(extract(epoch FROM least(greatest(${column}, '0001-01-01Z'), '9999-12-31Z')) * ${MS_PER_SECOND})::bigint END`;

/** One more than the limit, where there are more. */
export async function hostsInLine(sql: Connection, query: MapQuery): Promise<HostInLine[]> {
  const { values, value, named } = namedHosts(query);
  const after = value(query.after, "text");
  const limit = value(query.limit, "int");
  return await readColumns<HostInLine>(sql, COLUMNS, {
    select: `WITH named AS (${named}),
         line AS (SELECT id, group_name, row_number() OVER w AS nth, count(*) OVER () AS found,
              sum(free_gpus) OVER () AS found_gpus, count(*) OVER (PARTITION BY group_name) AS of_group,
              lag(id, ${limit} + 1) OVER w AS before_previous
            FROM named WHERE is_found WINDOW w AS (ORDER BY group_name, id))
       SELECT h.id, h.name AS host_name, coalesce(h.status, 'offline') AS status,
            coalesce(h.status_reason, h.cordon_reason) AS status_reason, ${statusReasonColumns("h")}, h.connection, h.cordoned, h.simulated,
            h.labels, ${moment("h.last_heartbeat")} AS heard_ms, l.group_name, l.of_group, l.nth, l.found, l.found_gpus,
            l.before_previous
       FROM line l JOIN hosts h ON h.id = l.id
      WHERE ${after} IS NULL
         OR (l.group_name, l.id) > (coalesce((SELECT n.group_name FROM named n WHERE n.id = ${after}), ''), ${after})
      ORDER BY l.group_name, l.id LIMIT ${limit} + 1`,
    values,
  });
}

/** What a page beyond the last host cannot tell by its hosts. */
export async function countInLine(
  sql: Connection,
  query: MapQuery,
): Promise<Pick<HostInLine, "found" | "found_gpus">> {
  const { values, named } = namedHosts(query);
  const { rows } = await sql.query<Pick<HostInLine, "found" | "found_gpus">>(
    `SELECT count(*) AS found, sum(free_gpus)::int8 AS found_gpus FROM (${named}) n WHERE is_found`,
    values,
  );
  return rows[0] as (typeof rows)[number];
}

/** Each once; those of the whole fleet. */
export async function labelKeys(sql: Connection): Promise<string[]> {
  const { rows } = await sql.query<{ key: string }>(
    `SELECT DISTINCT jsonb_object_keys(${LABELS}) AS key FROM hosts h WHERE h.deleted_at IS NULL
      ORDER BY 1 LIMIT ${MAX_LABEL_KEYS}`,
  );
  return rows.map(({ key }) => key);
}

/** SQL: every host with its group, how many of its cards are free like this, and whether it matches. */
function namedHosts({ search, freeGpuMemory, group }: MapQuery) {
  const values: unknown[] = [];
  const value = (one: unknown, type: string) => `$${values.push(one)}::${type}`;
  const isFound = ["h.deleted_at IS NULL"];
  if (search !== null) isFound.push(isLike(value(search, "text")));
  if (freeGpuMemory !== null) isFound.push("coalesce(c.free_gpus, 0) > 0");
  const groupName =
    group === null
      ? "''"
      : group.by === "model"
        ? "coalesce(c.models, '')"
        : `coalesce(h.labels ->> ${value(group.key, "text")}, '')`;
  const freeGpus =
    freeGpuMemory === null
      ? "NULL::int8"
      : `count(*) FILTER (WHERE ${IS_OPEN} AND NOT ${IS_HELD}
          AND coalesce(g.memory_total, 0) >= ${value(freeGpuMemory, "int8")})`;
  const needsCards = freeGpuMemory !== null || group?.by === "model";
  const cards = `LEFT JOIN (SELECT g.host_id, ${freeGpus} AS free_gpus,
        left(string_agg(DISTINCT g.name, ', ' ORDER BY g.name), ${MAX_GROUP_LENGTH}) AS models
      FROM ${CARDS} GROUP BY g.host_id) c ON c.host_id = h.id`;
  const named = `SELECT h.id, (${groupName}) COLLATE "C" AS group_name, ${needsCards ? "c.free_gpus" : "NULL::int8"} AS free_gpus,
      ${isFound.join(" AND ")} AS is_found FROM hosts h ${needsCards ? cards : ""}`;
  return { values, value, named };
}

function isLike(part: string): string {
  return `(${hasPart("h.id", part)} OR ${hasPart("h.name", part)} OR EXISTS (SELECT FROM jsonb_each_text(${LABELS}) l
    WHERE ${hasPart("l.key || '=' || l.value", part)}))`;
}
