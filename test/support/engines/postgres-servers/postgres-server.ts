/**
 * One Postgres server for the whole run of the suite, with one migrated database that every test's own database is
 * copied from. Both projects that need it call this; the second finds the server of the first.
 */
import type { TestProject } from "vitest/node";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { makeEmptying } from "./emptying.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "./throwaway-postgres.ts";

export const TEMPLATE = "remotegpu_template";

declare module "vitest" {
  export interface ProvidedContext {
    /** Of the server's administrative database. */
    postgresUrl: string;
  }
}

interface Shared {
  server: Promise<ThrowawayPostgres>;
  users: number;
}

/** Each project loads its own copy of this module, so what they share hangs on the process. */
const shared = globalThis as { remotegpuTestPostgres?: Shared };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { remotegpuTestPostgres: running = { server: startTemplateServer(), users: 0 } } = shared;
  shared.remotegpuTestPostgres = running;
  running.users += 1;
  project.provide("postgresUrl", (await running.server).url);
  return async () => {
    running.users -= 1;
    if (running.users > 0) return;
    delete shared.remotegpuTestPostgres;
    await (await running.server).stop();
  };
}

/** For whoever is not a test of the suite, too. */
export async function startTemplateServer(): Promise<ThrowawayPostgres> {
  const server = await startThrowawayPostgres();
  const admin = openDatabase(server.url, { maxConnections: 1 });
  await admin.query(`CREATE DATABASE ${TEMPLATE}`);
  await admin.close();
  const url = new URL(server.url);
  url.pathname = TEMPLATE;
  await migrate(url.href);
  const template = openDatabase(url.href, { maxConnections: 1, runsAs: "owner" });
  await makeEmptying(template);
  await template.close();
  return server;
}
