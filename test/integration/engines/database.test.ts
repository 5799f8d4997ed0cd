/** The one way to ask Postgres: what values become, who tries again, what a failure says. */
import type { Readable } from "node:stream";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  type Connection,
  type Database,
  openDatabase,
} from "@remotegpu/control-plane/server/store/database/database";
import { isUniqueViolation, StoreError } from "@remotegpu/control-plane/server/store/database/store-error";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { MAX_PREPARED } from "@remotegpu/control-plane/server/store/database/connection/prepared-statements";
import { freshDatabase, type FreshDatabase } from "../../support/engines/postgres.ts";

let fresh: FreshDatabase;
beforeAll(async () => {
  fresh = await freshDatabase();
  await fresh.database.query("CREATE TABLE counters (name text PRIMARY KEY, value int NOT NULL)");
});
afterAll(() => fresh.drop());

test.each([
  ["9007199254740991::int8", Number.MAX_SAFE_INTEGER],
  ["ARRAY[1, NULL, 3]::int8[]", [1, null, 3]],
  ["'{}'::int8[]", []],
  ["12345678901234567890.1234::numeric(24,4)", "12345678901234567890.1234"],
  ["ARRAY[0.10, NULL]::numeric[]", ["0.10", null]],
  ["'2026-03-01'::date", "2026-03-01"],
  ["'2026-03-01T12:00:00+02'::timestamptz", new Date("2026-03-01T10:00:00Z")],
  ["'{[1,5),[7,9)}'::int8multirange", "{[1,5),[7,9)}"],
  ["'[1, 2]'::jsonb", [1, 2]],
])("%s comes as %j", async (sql, expected) => {
  const { rows } = await fresh.database.query(`SELECT ${sql} AS value`);

  expect(rows).toEqual([{ value: expected }]);
});

test("arrays come back as they were sent", async () => {
  const text = fc.string({ unit: "grapheme" }).map((value) => value.replaceAll("\0", "").toWellFormed());
  const special = fc.stringMatching(/^[\\"{},\n\t $&NUL]{0,8}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(fc.oneof(text, special))),
      fc.array(fc.option(fc.maxSafeInteger())),
      fc.array(fc.option(fc.boolean())),
      fc.array(
        fc.option(
          fc.date({ min: new Date("0001-01-01Z"), max: new Date("9999-01-01Z"), noInvalidDate: true }),
        ),
      ),
      async (texts, numbers, truths, moments) => {
        const { rows } = await fresh.database.query(
          "SELECT $1::text[] AS texts, $2::bigint[] AS numbers, $3::boolean[] AS truths, $4::timestamptz[] AS moments",
          [texts, numbers, truths, moments],
        );

        expect(rows).toEqual([{ texts, numbers, truths, moments }]);
      },
    ),
  );
});

test("an integer that does not fit a number is an error, not a wrong number", async () => {
  await expect(fresh.database.query("SELECT 9007199254740992 AS value")).rejects.toThrow(
    "the integer 9007199254740992 does not fit a number",
  );
});

describe("prepared statements", () => {
  /** One connection that leads straight to Postgres. */
  function oneConnection(runsAs: "application" | "owner" = "owner"): Database {
    const database = openDatabase(fresh.url, { maxConnections: 1, runsAs });
    onTestFinished(() => database.close());
    return database;
  }

  async function preparedOn(database: Database, pattern = "%"): Promise<unknown[]> {
    const { rows } = await database.query(
      `SELECT statement FROM pg_prepared_statements WHERE statement LIKE '${pattern}' ORDER BY prepare_time`,
    );
    return rows.map(({ statement }) => statement);
  }

  test.each(["application", "owner"] as const)(
    "a connection of the %s prepares a statement once, within transactions and outside",
    async (runsAs) => {
      const database = oneConnection(runsAs);
      const request = (sql: Connection, value: number) =>
        sql.query<{ value: number }>("SELECT $1::int + 1 AS value", [value]);

      const answers = [
        await request(database, 1),
        await transaction(database, (sql) => request(sql, 2)),
        await request(database, 3),
      ];

      expect(answers.map(({ rows }) => rows[0]?.value)).toEqual([2, 3, 4]);
      expect(await preparedOn(database, "%+ 1 AS value")).toEqual(["SELECT $1::int + 1 AS value"]);
    },
  );

  test("a connection keeps a bounded number of them, and closes those that it has not sent for the longest time", async () => {
    const database = oneConnection();
    const statement = (nth: number) => `SELECT $1::int + ${nth} AS sum`;
    const sums = async (numbers: readonly number[]) =>
      await transaction(database, async (sql) => {
        const answers = await Promise.all(
          numbers.map((nth) => sql.query<{ sum: number }>(statement(nth), [1])),
        );
        return answers.map(({ rows }) => rows[0]?.sum);
      });
    const many = Array.from({ length: MAX_PREPARED }, (_, nth) => nth);
    await sums(many);

    expect(await sums([0, MAX_PREPARED, 1])).toEqual([1, MAX_PREPARED + 1, 2]);

    const prepared = await preparedOn(database);
    expect(prepared).toHaveLength(MAX_PREPARED);
    expect(prepared).toEqual(expect.arrayContaining([0, 1, MAX_PREPARED].map(statement)));
    expect(await sums(many)).toEqual(many.map((nth) => nth + 1));
  });

  test("rows that a migration has widened come as they are now, in a transaction and outside", async () => {
    const [first, second] = [oneConnection(), oneConnection()];
    const tables = Array.from({ length: 10 }, (_, nth) => `widened_${nth}`);
    for (const table of tables) await fresh.database.query(`CREATE TABLE ${table} AS SELECT 1 AS old`);
    const rowsOf = async (sql: Connection, table: string) =>
      (await sql.query(`SELECT * FROM ${table} WHERE old = $1`, [1])).rows;
    const rowsOfAll = async (database: Database) =>
      await transaction(database, async (sql) => {
        const all = [];
        for (const table of tables) all.push(...(await rowsOf(sql, table)));
        return all;
      });
    for (const database of [first, second]) await rowsOfAll(database);
    for (const table of tables)
      await fresh.database.query(`ALTER TABLE ${table} ADD COLUMN new int DEFAULT 2`);

    const alone = await rowsOf(first, "widened_0");
    const together = await rowsOfAll(second);

    expect(alone).toEqual([{ old: 1, new: 2 }]);
    expect(together).toEqual(tables.map(() => ({ old: 1, new: 2 })));
    expect(await rowsOfAll(second)).toEqual(together);
  });

  test("a session that has not prepared what another one has is sent the statement itself", async () => {
    const database = oneConnection();
    const request = async (sql: Connection) => (await sql.query("SELECT $1::text AS said", ["once"])).rows;
    await request(database);

    await database.query("DEALLOCATE ALL");
    expect(await request(database)).toEqual([{ said: "once" }]);
    await request(database);
    await database.query("DEALLOCATE ALL");
    expect(await transaction(database, request)).toEqual([{ said: "once" }]);
  });

  test("one that failed is prepared anew", async () => {
    const database = oneConnection();
    const request = async (divisor: number) =>
      await transaction(
        database,
        async (sql) => (await sql.query("SELECT 6 / $1::int AS part", [divisor])).rows,
      );
    await request(1);

    await expect(request(0)).rejects.toMatchObject({ code: "22012" });

    expect(await request(3)).toEqual([{ part: 2 }]);
    expect(await preparedOn(database, "SELECT 6 /%")).toHaveLength(1);
  });
});

test("a transaction that throws leaves nothing behind", async () => {
  const ran = transaction(fresh.database, async (sql) => {
    await sql.query("INSERT INTO counters VALUES ('left', 1)");
    throw new Error("changed my mind");
  });

  await expect(ran).rejects.toThrow("changed my mind");
  expect((await fresh.database.query("SELECT FROM counters WHERE name = 'left'")).rowCount).toBe(0);
});

test("a failure that was caught inside a transaction does not pass for a commit", async () => {
  const ran = transaction(fresh.database, async (sql) => {
    await sql.query("INSERT INTO counters VALUES ('lost', 1)");
    await sql.query("SELECT 1 / 0").catch(() => "never mind");
  });

  await expect(ran).rejects.toThrow("a failed statement was caught");
});

test("transactions that conflict with each other are run again until each has counted", async () => {
  await fresh.database.query("INSERT INTO counters VALUES ('hits', 0)");
  const countUp = () =>
    transaction(
      fresh.database,
      async (sql) => {
        const { rows } = await sql.query<{ value: number }>("SELECT value FROM counters WHERE name = 'hits'");
        await sql.query("UPDATE counters SET value = $1 WHERE name = 'hits'", [(rows[0]?.value ?? 0) + 1]);
      },
      { isolation: "serializable" },
    );

  await Promise.all([countUp(), countUp(), countUp()]);

  expect((await fresh.database.query("SELECT value FROM counters WHERE name = 'hits'")).rows).toEqual([
    { value: 3 },
  ]);
});

test("a transaction that always loses gives up after a bounded number of attempts", async () => {
  let attempts = 0;
  const ran = transaction(fresh.database, async (sql) => {
    attempts += 1;
    await sql.query(
      "DO $$ BEGIN RAISE EXCEPTION 'lost again' USING ERRCODE = 'serialization_failure'; END $$",
    );
  });

  await expect(ran).rejects.toMatchObject({ name: "StoreError", code: "40001" });
  expect(attempts).toBe(8);
});

test("a statement that takes too long is ended by the server, and the connection is good for the next", async () => {
  const slow = transaction(fresh.database, (sql) => sql.query("SELECT pg_sleep(60)"), {
    statementTimeoutMs: 50,
  });

  await expect(slow).rejects.toMatchObject({ code: "57014" });
  expect((await fresh.database.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
});

test("a violated key is known by its name", async () => {
  await fresh.database.query("INSERT INTO counters VALUES ('twice', 1)");

  const error: unknown = await fresh.database
    .query("INSERT INTO counters VALUES ('twice', 2)")
    .catch((e: unknown) => e);

  expect(isUniqueViolation(error)).toBe(true);
  expect(isUniqueViolation(error, "counters_pkey")).toBe(true);
  expect(isUniqueViolation(error, "another")).toBe(false);
});

test("a server that is not there is named without the password", async () => {
  const database = openDatabase("postgres://someone:secret@127.0.0.1:1/none");

  const error: unknown = await database.query("SELECT 1").catch((e: unknown) => e);
  await database.close();

  expect(error).toBeInstanceOf(StoreError);
  expect((error as StoreError).message).toBe("cannot reach Postgres at 127.0.0.1:1: ECONNREFUSED");
});

test("a connection cut off between two statements ends that transaction only", async () => {
  const ran = transaction(fresh.database, async (sql) => {
    const { rows } = await sql.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    await fresh.database.query("SELECT pg_terminate_backend($1, 5000)", [rows[0]?.pid]);
    await sql.query("SELECT 1");
  });

  await expect(ran).rejects.toBeInstanceOf(StoreError);
  expect((await fresh.database.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
});

test("statements that are requested together are done in their order, and each has its own answer", async () => {
  const answers = await transaction(fresh.database, async (sql) => {
    const value = "SELECT value FROM counters WHERE name = $1";
    return await Promise.all([
      sql.query("INSERT INTO counters VALUES ($1, 1)", ["together"]),
      sql.query("UPDATE counters SET value = value + 1 WHERE name = $1", ["together"]),
      sql.query<{ value: number }>(value, ["together"]),
      sql.query("UPDATE counters SET value = 10 * value WHERE name = 'together'"),
      sql.query<{ value: number }>(value, ["together"]),
      sql.query("SELECT value FROM counters WHERE name = $1", ["nobody"]),
    ]);
  });

  expect(answers.map(({ rows }) => rows)).toEqual([[], [], [{ value: 2 }], [], [{ value: 20 }], []]);
  expect(answers.map(({ rowCount }) => rowCount)).toEqual([1, 1, 1, 1, 1, 0]);
});

test("nothing behind a failure is done of what was requested with it, and all are rejected", async () => {
  const database = openDatabase(fresh.url, { maxConnections: 1, runsAs: "owner" });
  onTestFinished(() => database.close());
  const insert = "INSERT INTO counters VALUES ($1, $2::int)";
  let outcomes: PromiseSettledResult<unknown>[] = [];
  const ran = transaction(database, async (sql) => {
    outcomes = await Promise.allSettled([
      sql.query(insert, ["before a failure", 1]),
      sql.query("SELECT 1 / $1::int", [0]),
      sql.query(insert, ["behind a failure", 1]),
      sql.query("SELECT value + 1 AS next FROM counters WHERE name = $1", ["behind a failure"]),
    ]);
  });

  await expect(ran).rejects.toThrow("a failed statement was caught");
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "rejected"]);
  // The connection knows what it has prepared and what not.
  await transaction(database, async (sql) => {
    const next = "SELECT value + 1 AS next FROM counters WHERE name = $1";
    const [before, , behind] = await Promise.all([
      sql.query(next, ["before a failure"]),
      sql.query(insert, ["behind a failure", 4]),
      sql.query(next, ["behind a failure"]),
    ]);
    expect([before.rows, behind.rows]).toEqual([[], [{ next: 5 }]]);
    await sql.query("DELETE FROM counters WHERE name = $1", ["behind a failure"]);
  });
});

test("a value that nobody can hold fails its own statement", async () => {
  const ran = transaction(fresh.database, async (sql) => {
    const answers = await Promise.allSettled([
      sql.query("SELECT 9007199254740992 + $1::int AS value", [0]),
      sql.query("SELECT 1 + $1::int AS value", [0]),
    ]);
    return answers.map((answer) =>
      answer.status === "fulfilled" ? answer.value.rows : String(answer.reason),
    );
  });

  expect(await ran).toEqual([
    "RangeError: the integer 9007199254740992 does not fit a number",
    [{ value: 1 }],
  ]);
});

test("what is requested once its transaction is over is refused, and not done outside of it", async () => {
  const ended = Promise.withResolvers<void>();
  let late: Promise<unknown> = Promise.resolve();
  const ran = transaction(fresh.database, async (sql) => {
    late = ended.promise.then(() => sql.query("INSERT INTO counters VALUES ($1, 1)", ["late"]));
    late.catch(() => undefined);
    await sql.query("SELECT 1 / $1::int", [0]);
  });

  await expect(ran).rejects.toMatchObject({ code: "22012" });
  ended.resolve();
  await expect(late).rejects.toThrow("after its transaction had ended");
  expect((await fresh.database.query("SELECT FROM counters WHERE name = 'late'")).rowCount).toBe(0);
});

test("what a transaction of the kind that cannot begin requests is not done outside of one", async () => {
  const ran = transaction(
    fresh.database,
    (sql) => sql.query("INSERT INTO counters VALUES ($1, 1)", ["without a begin"]),
    { isolation: "no such kind" as "serializable" },
  );

  await expect(ran).rejects.toBeInstanceOf(StoreError);
  expect((await fresh.database.query("SELECT FROM counters WHERE name = 'without a begin'")).rowCount).toBe(
    0,
  );
});

test("of a large answer the process reads a piece, then does what else waits, however much has come", async () => {
  const database = openDatabase(fresh.url, { maxConnections: 1 });
  onTestFinished(() => database.close());
  const client = await database.pool.connect();
  const pieces: number[] = [];
  let isFirst = true;
  const { stream } = (client as unknown as { connection: { stream: Readable } }).connection;
  stream.on("data", ({ length }: Buffer) => {
    // Meanwhile more comes than is read at once.
    if (isFirst) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    isFirst = false;
    pieces.push(length);
  });
  client.release();
  let mostInOneTurn = 0;
  let isAnswered = false;
  const turn = () => {
    const inThisTurn = pieces.splice(0).reduce((sum, length) => sum + length, 0);
    mostInOneTurn = Math.max(mostInOneTurn, inThisTurn);
    if (!isAnswered) setImmediate(turn);
  };
  setImmediate(turn);

  const { rows } = await database.query<{ n: number; text: string }>(
    "SELECT n, repeat(chr(65 + n % 26), 1000) AS text FROM generate_series(1, 20000) n",
  );
  isAnswered = true;

  expect(rows.map(({ n, text }) => `${n} ${text}`)).toEqual(
    Array.from(
      { length: 20_000 },
      (_, index) => `${index + 1} ${String.fromCodePoint(65 + ((index + 1) % 26)).repeat(1_000)}`,
    ),
  );
  // One read of Node, and before it one that was too small to wait.
  expect(mostInOneTurn).toBeLessThan(65_536 + 16_384);
});
