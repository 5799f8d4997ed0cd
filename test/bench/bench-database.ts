/** An embedded Postgres of a bench's own, migrated; and statements that take longer than the product's may. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "@remotegpu/control-plane/server/embedded/postgres";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";
import { quietLog } from "../support/quiet-log.ts";

const STATEMENT_TIMEOUT_MS = 60 * 60_000;

export async function benchDatabase(ending: AsyncDisposableStack): Promise<Database> {
  const database = openDatabase(await serverUrlOf(ending));
  ending.defer(() => database.close());
  await migrate(database);
  return database;
}

/** The same in the form in which scenes of the suite take one, which drop it themselves. */
export async function sceneDatabase(ending: AsyncDisposableStack): Promise<FreshDatabase> {
  const fresh = await freshDatabase({ serverUrl: await serverUrlOf(ending), template: "template0" });
  await migrate(fresh.database);
  return fresh;
}

async function serverUrlOf(ending: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const postgres = await startPostgres({ stateDir: join(folder, "state"), log: quietLog });
  ending.defer(() => postgres.stop());
  return postgres.url;
}

/** Beyond the time that a statement of the product may take. */
export async function longQuery(database: Database, sql: string): Promise<void> {
  const client = await database.pool.connect();
  try {
    const query = { text: sql, query_timeout: STATEMENT_TIMEOUT_MS };
    await client.query(query);
  } finally {
    client.release();
  }
}
