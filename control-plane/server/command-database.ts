/** The database that a command works on. */
import { existsSync } from "node:fs";
import type { Config } from "./config.ts";
import { dataFolder } from "./embedded/postgres.ts";
import { database, EngineError } from "./engines.ts";
import type { Database } from "./store/database/database.ts";
import { assertMigrated } from "./store/migrate.ts";
import { configOf, type Options } from "./command-options.ts";
import { commandLog } from "./command-output.ts";

/**
 * For what only asks: neither a database nor its schema is made for it. Beside a running server its Postgres is used and
 * left running; alone, one is started for the moment.
 */
export async function withSchema(options: Options, work: (db: Database) => Promise<void>): Promise<void> {
  const config = configOf(options);
  assertDatabaseThere(config);
  const { db, end } = await database(config, commandLog, {
    leavesRunning: true,
    prepare: assertMigrated,
  });
  try {
    await work(db);
  } finally {
    await end();
  }
}

/** For what changes the schema. */
export function ownersOf(config: Config): Config {
  return { ...config, databaseUrl: config.migrationDatabaseUrl ?? config.databaseUrl };
}

/** A mistyped folder must not become a server's. */
export function assertDatabaseThere({ databaseUrl, stateDir }: Config): void {
  if (databaseUrl === null && !existsSync(dataFolder(stateDir)))
    throw new EngineError(
      `there is no database in ${stateDir}; name the server's folder (--state-dir) or its DATABASE_URL`,
    );
}
