/**
 * The upgrade of an old database with a million training jobs and five million billing records, against a plain UPDATE
 * of the same rows in a copy of it, and for how long others find its tables locked.
 */
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "@remotegpu/control-plane/server/embedded/postgres";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { quietLog } from "../support/quiet-log.ts";
import { longQuery } from "./bench-database.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";

const OLD_SYSTEM = new URL("../fixtures/old-system.sql", import.meta.url);
const JOBS = 1_000_000;
const RECORDS = 5_000_000;
const ENVIRONMENTS = 100_000;
const BETWEEN_CHECKS_MS = 20;

export async function measureUpgrade(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const postgres = await startPostgres({ stateDir: join(folder, "state"), log: quietLog });
  ending.defer(() => postgres.stop());

  await makeOldDatabase(postgres.url);
  const bareMs = await inDatabase(postgres.url, "plain", async (database) => {
    const startedMs = performance.now();
    await longQuery(
      database,
      "BEGIN; UPDATE training_jobs SET name = name; UPDATE billing_records SET currency = currency; COMMIT",
    );
    return performance.now() - startedMs;
  });
  const { upgradeMs, lockedMs } = await inDatabase(postgres.url, "upgraded", async (database) => {
    using locked = watchLock(database);
    const startedMs = performance.now();
    await migrate(database);
    return { upgradeMs: performance.now() - startedMs, lockedMs: await locked.longestMs() };
  });

  print(headLine(`Upgrade of ${JOBS} training jobs and ${RECORDS} billing records`));
  print(ratioLine("to a plain UPDATE of the same rows", [{ ours: upgradeMs, bare: bareMs }]));
  print(ratioLine("longest lock, to that UPDATE", [{ ours: lockedMs, bare: bareMs }]));
  print(valuesLine("the upgrade", [upgradeMs / MS_PER_SECOND], "s"));
  print(valuesLine("longest lock", [lockedMs / MS_PER_SECOND], "s"));
  print(valuesLine("the UPDATE", [bareMs / MS_PER_SECOND], "s"));
}

/** In the template both measurements start from. */
async function makeOldDatabase(serverUrl: string): Promise<void> {
  await inDatabase(serverUrl, "old", async (database) => {
    await database.query(await readFile(OLD_SYSTEM, "utf8"));
    await longQuery(
      database,
      `INSERT INTO customers (username, email, password_hash) SELECT 'c' || n, 'c' || n || '@example.org', 'x' FROM generate_series(1, 1000) n;
       INSERT INTO environments (id, customer_id, workspace_id, host_id, name, image, status, cpu, memory)
         SELECT 'env-' || n, 1 + n % 1000, 1 + n % 1000, 'host-' || n % 50, 'work ' || n, 'pytorch:' || n % 20, 'stopped', 4, 17179869184
         FROM generate_series(1, ${ENVIRONMENTS}) n;
       INSERT INTO training_jobs (id, customer_id, workspace_id, env_id, name, framework, script_path, dataset_id, model_id, status, cpu, memory, gpu)
         SELECT 'job-' || n, 1 + n % 1000, 1 + n % 1000, CASE WHEN n % 10 > 0 THEN 'env-' || 1 + n % ${ENVIRONMENTS} END, 'training ' || n, 'pytorch',
           CASE WHEN n % 50 > 0 THEN '/workspace/project-' || n % 997 || '/train.py' END, NULLIF(n % 7, 0), NULLIF(n % 5, 0), 'completed', 8, 68719476736, 1
         FROM generate_series(1, ${JOBS}) n;
       INSERT INTO billing_records (customer_id, env_id, resource_type, quantity, unit_price, amount, start_time, end_time, created_at)
         SELECT 1 + n % 1000, CASE WHEN n % 20 > 0 THEN 'env-' || 1 + n % ${ENVIRONMENTS} END, (ARRAY['cpu', 'memory', 'gpu', 'storage'])[1 + n % 4],
           (n % 1000) / 7.0, 1.25, round((n % 1000) / 7.0 * 1.25, 4), t, t + make_interval(secs => n % 3600), t + interval '1 h'
         FROM generate_series(1, ${RECORDS}) n, LATERAL (SELECT timestamp '2023-01-01' + make_interval(secs => n * 15) AS t) moment`,
    );
    await database.query("VACUUM ANALYZE");
  });
  const server = openDatabase(serverUrl, { maxConnections: 1 });
  for (const name of ["plain", "upgraded"])
    await longQuery(server, `CREATE DATABASE ${name} TEMPLATE old STRATEGY file_copy`);
  await server.close();
}

async function inDatabase<T>(
  serverUrl: string,
  name: string,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const server = openDatabase(serverUrl, { maxConnections: 1 });
  const { rows } = await server.query("SELECT FROM pg_database WHERE datname = $1", [name]);
  if (rows.length === 0) await server.query(`CREATE DATABASE ${name}`);
  await server.close();
  const url = new URL(serverUrl);
  url.pathname = name;
  const database = openDatabase(url.href, { runsAs: "owner" });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** Reads one row again and again, as a service does, and keeps the longest wait. */
function watchLock(database: Database): Disposable & { longestMs(): Promise<number> } {
  const over = new AbortController();
  const checking = (async () => {
    let longestMs = 0;
    while (!over.signal.aborted) {
      const startedMs = performance.now();
      await longQuery(database, "SELECT id FROM billing_records LIMIT 1");
      longestMs = Math.max(longestMs, performance.now() - startedMs);
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_CHECKS_MS));
    }
    return longestMs;
  })();
  return {
    longestMs: () => {
      over.abort();
      return checking;
    },
    [Symbol.dispose]: () => over.abort(),
  };
}
