/** A DATABASE_URL with several hosts: the control plane works with the primary, whichever it is, on Debian's Postgres 17. */
import { afterEach, expect, onTestFinished, test } from "vitest";
import { inDumpSession } from "@remotegpu/control-plane/server/store/backup/dump-session";
import {
  forgetfulMemory,
  type TimelineMemory,
} from "@remotegpu/control-plane/server/store/database/connection/primary-watch";
import {
  type Database,
  openDatabase,
  StoreError,
  transaction,
} from "@remotegpu/control-plane/server/store/database/database";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { startPgBouncer } from "../../support/engines/pgbouncer.ts";
import { eventually } from "../../support/eventually.ts";
import { type PostgresPair, startPostgresPair } from "../../support/ha/postgres-pair.ts";
import { isPostgresInstalled, type PostgresServer } from "../../support/ha/postgres-server.ts";

if (!isPostgresInstalled)
  console.warn("postgresql-17 is not installed here, or this is not root: several hosts are left out.");

async function pairOf(): Promise<PostgresPair> {
  const pair = await startPostgresPair();
  onTestFinished(() => pair.stop());
  await pair.servers[0].query("CREATE TABLE notes (text text PRIMARY KEY)");
  return pair;
}

/** As an ordinary login, which may ask for no more than anybody. */
async function ordinary(pair: PostgresPair): Promise<string> {
  await pair.servers[0].query("CREATE ROLE ordinary LOGIN; GRANT ALL ON notes TO ordinary");
  return pair.url().replace("postgres@", "ordinary@");
}

const opened: Database[] = [];
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
});

function open(url: string, timelines: TimelineMemory = forgetfulMemory()): Database {
  const database = openDatabase(url, { runsAs: "owner", timelines });
  opened.push(database);
  return database;
}

async function note(database: Database, text: string): Promise<void> {
  await transaction(database, async (sql) => {
    await sql.query("INSERT INTO notes VALUES ($1)", [text]);
  });
}

async function notesIn(server: PostgresServer): Promise<unknown[]> {
  return (await server.query("SELECT text FROM notes ORDER BY text")).map(({ text }) => text);
}

/** Writes until it is written, as a loop of the server does. */
async function noteAtLast(database: Database, text: string): Promise<void> {
  await eventually(async () => {
    await note(database, text);
    return true;
  });
}

async function hasPort(database: Database, port: number): Promise<boolean> {
  const { rows } = await database.query<{ port: string }>("SELECT current_setting('port') AS port");
  return rows[0]?.port === `${port}`;
}

test.skipIf(!isPostgresInstalled)(
  "connects to the primary, whichever host stands first (left out without postgresql-17)",
  async () => {
    const pair = await pairOf();
    const [primary, standby] = pair.servers;
    const url = await ordinary(pair);
    const turned = url.replace(/127[^/]*/, `127.0.0.1:${standby.port},127.0.0.1:${primary.port}`);

    for (const one of [url, turned]) {
      const database = open(one);
      expect(await hasPort(database, primary.port)).toBe(true);
      await note(database, one);
    }

    expect(await notesIn(primary)).toHaveLength(2);
  },
  60_000,
);

test.skipIf(!isPostgresInstalled)(
  "says of each host why it is not the primary (left out without postgresql-17)",
  async () => {
    const pair = await pairOf();
    const [primary, standby] = pair.servers;
    await primary.kill();

    const asked = open(pair.url()).query("SELECT 1");

    await expect(asked).rejects.toThrow(
      new StoreError(
        `no primary among 127.0.0.1:${primary.port} (does not answer), 127.0.0.1:${standby.port} (standby)`,
        undefined,
      ),
    );
  },
  60_000,
);

test.skipIf(!isPostgresInstalled)(
  "a dump and the migrations come to the primary, too (left out without postgresql-17)",
  async () => {
    const pair = await pairOf();
    const [primary, standby] = pair.servers;
    const turned = pair.url().replace(/127[^/]*/, `127.0.0.1:${standby.port},127.0.0.1:${primary.port}`);
    await migrate(open(turned));

    const tables = await inDumpSession(turned, ({ tables }) => Promise.resolve(tables));

    expect(tables.map(({ name }) => name)).toContain("cluster_state");
  },
  60_000,
);

test.skipIf(!isPostgresInstalled)(
  "goes over to a standby that was promoted, each behind its PgBouncer (left out without postgresql-17)",
  async () => {
    const pair = await pairOf();
    const [primary, standby] = pair.servers;
    const poolers = [];
    for (const server of pair.servers) {
      const url = server.url().replace("postgres@", "postgres:anything@");
      const pooler = await startPgBouncer([url]);
      onTestFinished(() => pooler.stop());
      poolers.push(new URL(pooler.through(url)).host);
    }
    const database = open(`postgres://postgres:anything@${poolers.join(",")}/postgres`);
    await note(database, "before");
    await eventually(async () => (await notesIn(standby)).length === 1);

    await primary.kill();
    await standby.promote();
    const startedMs = performance.now();
    await noteAtLast(database, "after");

    console.info(`written ${Math.round(performance.now() - startedMs)} ms after the promotion, by PgBouncer`);
    expect(await notesIn(standby)).toEqual(["after", "before"]);
  },
  60_000,
);

test.skipIf(!isPostgresInstalled)(
  "who waits for a frozen primary is told within seconds, and it is not written to when it thaws (left out without postgresql-17)",
  async () => {
    const pair = await pairOf();
    const [primary, standby] = pair.servers;
    const timelines = forgetfulMemory();
    const database = open(pair.url(), timelines);
    await note(database, "before");
    await eventually(async () => (await notesIn(standby)).length === 1);

    primary.freeze();
    const frozenMs = performance.now();
    const waiting = note(database, "lost").catch((error: unknown) => error);
    await standby.promote();
    await noteAtLast(database, "after");
    const writtenMs = performance.now() - frozenMs;
    const outcome = await waiting;
    const toldMs = performance.now() - frozenMs;
    primary.thaw();
    await eventually(() => primary.answers());
    for (let count = 0; count < 50; count += 1) await note(database, `later ${count}`);

    console.info(
      `frozen primary: written elsewhere after ${Math.round(writtenMs)} ms, all told after ${Math.round(toldMs)}`,
    );
    expect(outcome).toBeInstanceOf(StoreError);
    // The statements' own bound is 35 s.
    expect(toldMs).toBeLessThan(15_000);
    expect((await notesIn(primary)).filter((text) => text !== "lost")).toEqual(["before"]);
    expect(await notesIn(standby)).toHaveLength(52);

    // A process that starts while the former primary alone answers.
    await standby.kill();
    await expect(open(pair.url(), timelines).query("SELECT 1")).rejects.toThrow(
      `127.0.0.1:${primary.port} (former primary, timeline 1 before 2)`,
    );
  },
  60_000,
);
