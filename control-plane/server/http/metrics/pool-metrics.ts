/** The connections of this process to Postgres, and how long what goes over them takes. */
import type { Database } from "../../store/database/database.ts";
import type { ServerSamples } from "../../core/metrics/families.ts";

export function collectPool(
  collected: ServerSamples,
  { pool, times }: Pick<Database, "pool" | "times">,
): void {
  const { totalCount, idleCount, waitingCount } = pool;
  collected.addAll("db_pool_connections", [
    { labels: { state: "active" }, value: totalCount - idleCount },
    { labels: { state: "idle" }, value: idleCount },
    { labels: { state: "waiting" }, value: waitingCount },
  ]);
  collected.distributions("db_query_duration_seconds", times.distributions());
}
