/** Where else instances of a workload are whose starts come one by one: the next one goes where fewer of them are. */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { Spread } from "../../../core/placement/fleet/fits-on.ts";
import { rulesOf } from "../../../core/workloads/kinds.ts";
import type { StartName } from "../../../core/workloads/start.ts";
import { nameKey, type WorkloadName } from "../../../core/workloads/workload-name.ts";
import type { Connection } from "../../database/database.ts";

/** So long one that failed on a host counts there, as if it were still there: the next one is tried elsewhere. */
const FAILED_COUNTS_MS = 10 * MS_PER_MINUTE;

/** By the key of the workload's name; none for kinds that have one start. */
export async function spreadOf(
  sql: Connection,
  starts: readonly StartName[],
  now: Date,
): Promise<Map<string, Spread>> {
  const parted = new Map<string, StartName>();
  for (const start of starts) if (rulesOf(start.kind).hasManyStarts) parted.set(nameKey(start), start);
  if (parted.size === 0) return new Map();
  const { rows } = await sql.query<WorkloadName & { host_id: string; count: number }>(
    `SELECT asked.kind, asked.id, p.host_id, count(*)::int AS count
       FROM unnest($1::text[], $2::text[]) AS asked(kind, id)
       JOIN instances i ON i.workload_kind = asked.kind AND i.workload_id = asked.id
       JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
      WHERE p.resources_released_at IS NULL OR p.state = 'failed' AND p.state_changed_at > $3
      GROUP BY 1, 2, 3`,
    [
      [...parted.values()].map(({ kind }) => kind),
      [...parted.values()].map(({ id }) => id),
      new Date(now.getTime() - FAILED_COUNTS_MS),
    ],
  );
  const held = Map.groupBy(rows, nameKey);
  return new Map(
    [...parted.keys()].map((key) => [
      key,
      { over: key, held: new Map((held.get(key) ?? []).map(({ host_id: host, count }) => [host, count])) },
    ]),
  );
}
