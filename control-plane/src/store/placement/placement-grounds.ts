/** What a batch of placements is judged by beside the fleet and the money: asked once for all of its orders. */
import type { PoolSkip } from "../../core/placement/fits-on.ts";
import type { Connection } from "../database.ts";
import { nameKey, type WorkloadName } from "./workload-name.ts";

const ASKED = "unnest($1::text[], $2::text[]) AS asked(kind, id)";
const namesOf = (workloads: readonly WorkloadName[]) => [
  workloads.map(({ kind }) => kind),
  workloads.map(({ id }) => id),
];

/** By workload, a host on which an earlier placement of it still holds something. */
export async function holdingHosts(
  sql: Connection,
  workloads: readonly WorkloadName[],
): Promise<Map<string, string>> {
  const { rows } = await sql.query<WorkloadName & { host_name: string }>(
    `SELECT asked.kind, asked.id, h.name AS host_name
       FROM ${ASKED} JOIN instances i ON i.workload_kind = asked.kind AND i.workload_id = asked.id
       JOIN placements p ON p.instance_id = i.id AND p.resources_released_at IS NULL
       JOIN hosts h ON h.id = p.host_id ORDER BY i.rank DESC`,
    namesOf(workloads),
  );
  return new Map(rows.map((row) => [nameKey(row), row.host_name]));
}

/** By workload, the storage pools in which a mount of it was found missing. */
export async function skipsOf(
  sql: Connection,
  workloads: readonly WorkloadName[],
): Promise<Map<string, PoolSkip[]>> {
  const { rows } = await sql.query<WorkloadName & { storage_pool: string; reason: string; until: Date }>(
    `SELECT asked.kind, asked.id, s.storage_pool, s.reason, s.until
       FROM ${ASKED} JOIN placement_skips s ON s.workload_kind = asked.kind AND s.workload_id = asked.id
      ORDER BY s.storage_pool`,
    namesOf(workloads),
  );
  const skips = Map.groupBy(rows, nameKey);
  return new Map([...skips].map(([key, found]) => [key, found.map(poolSkip)]));
}

function poolSkip(row: { storage_pool: string; reason: string; until: Date }): PoolSkip {
  return { storagePool: row.storage_pool, reason: row.reason, untilMs: row.until.getTime() };
}

/** The model of each of these cards, as its price names it; null where its host could not tell. */
export async function modelsOfCards(
  sql: Connection,
  uuids: readonly string[],
): Promise<Map<string, string | null>> {
  if (uuids.length === 0) return new Map();
  const { rows } = await sql.query<{ uuid: string; name: string | null }>(
    "SELECT uuid, name FROM gpus WHERE uuid = ANY($1::text[])",
    [uuids],
  );
  return new Map(rows.map(({ uuid, name }) => [uuid, name]));
}
