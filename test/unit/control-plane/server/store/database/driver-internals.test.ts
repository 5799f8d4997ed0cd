/**
 * The private parts of the Postgres driver on which batches, prepared statements and COPY stand, each by its name, and
 * the messages that the driver hands on, over a stream at whose other end a script stands in for Postgres.
 */
import { readFile } from "node:fs/promises";
import { Duplex } from "node:stream";
import pg, { Client, Connection, Result } from "pg";
import installed from "pg/package.json" with { type: "json" };
import { expect, test } from "vitest";
import { Batch, BatchPart } from "@remotegpu/control-plane/server/store/database/connection/batch";
import { CopyIn } from "@remotegpu/control-plane/server/store/database/connection/copy-in";
import {
  connectionOf,
  preparedValue,
  rowShape,
  sessionOf,
} from "@remotegpu/control-plane/server/store/database/connection/driver-internals";
import { letPrepare } from "@remotegpu/control-plane/server/store/database/connection/prepared-statements";

const WORKSPACE = new URL("../../../../../../pnpm-workspace.yaml", import.meta.url);

const SENDS = {
  parse: "prepares a statement",
  bind: "binds the parameters of a statement",
  describe: "requests the columns of an answer",
  execute: "runs a bound statement",
  close: "closes a prepared statement",
  sync: "ends a batch",
  query: "begins a COPY",
  sendCopyFromChunk: "sends the rows of a COPY",
  endCopyFrom: "ends a COPY",
};

test("the driver is pinned to exactly the version that is installed", async () => {
  const workspace = await readFile(WORKSPACE, "utf8");

  const pinned = /^ {2}pg: (\S+)$/m.exec(workspace)?.[1];

  expect(pinned, "pnpm-workspace.yaml must name one exact version of pg: its private parts are used").toBe(
    installed.version,
  );
});

test.each(Object.entries(SENDS))("the driver's connection has %s, which %s", (name, purpose) => {
  const method: unknown = Reflect.get(Connection.prototype, name);

  expect(
    method,
    `pg ${installed.version} has no Connection.${name} any more, which ${purpose}: see store/database/driver-internals.ts`,
  ).toBeTypeOf("function");
});

test.each([
  ["utils.prepareValue", Reflect.get(Reflect.get(pg, "utils") ?? {}, "prepareValue"), "renders parameters"],
  ["Result.addFields", Reflect.get(Result.prototype, "addFields"), "takes the columns of an answer"],
  ["Result.parseRow", Reflect.get(Result.prototype, "parseRow"), "reads a row"],
])("the driver has %s", (name, method: unknown, purpose) => {
  expect(
    method,
    `pg ${installed.version} has no ${name} any more, which ${purpose}: see store/database/driver-internals.ts`,
  ).toBeTypeOf("function");
});

test.each([
  [null, null],
  [undefined, null],
  [7, "7"],
  [true, "true"],
  [{ a: 1 }, '{"a":1}'],
  [Buffer.from("ab"), Buffer.from("ab")],
])("the driver renders the parameter %j as Postgres reads it", (value, sent) => {
  expect(preparedValue(value)).toEqual(sent);
});

test("rows are objects by the columns' names", () => {
  const shape = rowShape([column("a"), column("b")]);

  expect(shape.parseRow(["x", null])).toEqual({ a: "x", b: null });
});

test("a client reports its session and the connection that it speaks over", async () => {
  const { client, postgres } = await connected();

  expect(sessionOf(client), "pg no longer tells Client.processID").toBe(SESSION);
  expect(connectionOf(client).stream, "pg no longer has Client.connection.stream").toBe(postgres);
});

test("statements of a batch go out together, and each has its rows and count", async () => {
  const { client, postgres } = await connected();
  const parts = [part("SELECT a"), part("UPDATE t")];

  client.query(new Batch(parts, { prepares: false, done: () => undefined }));
  const sent = postgres.takeSent();
  postgres.answer(
    rowDescription("a"),
    dataRow("x"),
    dataRow(null),
    message("C", text("SELECT 2")),
    message("n"),
    message("C", text("UPDATE 5")),
    READY,
  );

  expect(sent).toBe("PBDEPBDES");
  expect(await Promise.all(parts.map(({ answer }) => answer))).toEqual([
    { rows: [{ a: "x" }, { a: null }], rowCount: 2 },
    { rows: [], rowCount: 5 },
  ]);
});

test("a prepared statement is neither parsed nor described again", async () => {
  const { client, postgres } = await connected();
  letPrepare(connectionOf(client));
  const sendOnce = async (...described: Buffer[]) => {
    const one = part("SELECT a");
    client.query(new Batch([one], { prepares: true, done: () => undefined }));
    const sent = postgres.takeSent();
    postgres.answer(...described, dataRow("x"), message("C", text("SELECT 1")), READY);
    return { sent, ...(await one.answer) };
  };

  const first = await sendOnce(message("3"), message("1"), message("2"), rowDescription("a"));
  const second = await sendOnce(message("2"));

  expect(first).toEqual({ sent: "CPBDES", rows: [{ a: "x" }], rowCount: 1 });
  expect(second).toEqual({ sent: "BES", rows: [{ a: "x" }], rowCount: 1 });
});

test("a batch fails with the statement that failed, and those before it are answered", async () => {
  const { client, postgres } = await connected();
  const parts = [part("UPDATE t"), part("UPDATE u"), part("UPDATE v")];

  client.query(new Batch(parts, { prepares: false, done: () => undefined }));
  postgres.answer(message("C", text("UPDATE 1")), message("E", text("SERROR"), text("C42P01"), END), READY);

  const settled = await Promise.allSettled(parts.map(({ answer }) => answer));
  expect(settled).toEqual([
    { status: "fulfilled", value: { rows: [], rowCount: 1 } },
    { status: "rejected", reason: expect.objectContaining({ code: "42P01" }) },
    { status: "rejected", reason: expect.objectContaining({ code: "42P01" }) },
  ]);
});

test("the driver ends a batch that Postgres does not answer in its time", async () => {
  const { client } = await connected();
  const one = part("SELECT a", 1);

  client.query(new Batch([one], { prepares: false, done: () => undefined }));

  await expect(one.answer, "pg no longer reads query_timeout of what it is given").rejects.toThrow(
    "Query read timeout",
  );
});

test("the rows of a COPY follow once Postgres takes them", async () => {
  const { client, postgres } = await connected();
  const copy = new CopyIn("COPY t FROM STDIN", ["1\n", "2\n"]);

  client.query(copy);
  const begun = postgres.takeSent();
  postgres.answer(message("G", Buffer.from([0, 0, 1, 0, 0])));
  const rows = postgres.takeSent();
  postgres.answer(message("C", text("COPY 2")), READY);

  expect([begun, rows]).toEqual(["Q", "ddc"]);
  await expect(copy.done).resolves.toBeUndefined();
});

const SESSION = 4711;
const END = Buffer.from([0]);
const READY = message("Z", Buffer.from("I"));

/** The letters of what the driver sent, and what the script answers. */
class ScriptedPostgres extends Duplex {
  #sent = Buffer.alloc(0);

  connect(): void {
    queueMicrotask(() => this.emit("connect"));
  }

  setNoDelay(): this {
    return this;
  }

  override _read(): void {
    // What is answered is pushed when the script says so.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#sent = Buffer.concat([this.#sent, chunk]);
    done();
  }

  answer(...messages: Buffer[]): void {
    this.emit("data", Buffer.concat(messages));
  }

  dropSent(): void {
    this.#sent = Buffer.alloc(0);
  }

  takeSent(): string {
    let letters = "";
    for (let at = 0; at < this.#sent.length; at += 1 + this.#sent.readInt32BE(at + 1))
      letters += this.#sent.toString("latin1", at, at + 1);
    this.dropSent();
    return letters;
  }
}

async function connected(): Promise<{ client: Client; postgres: ScriptedPostgres }> {
  const postgres = new ScriptedPostgres();
  const client = new Client({ user: "somebody", stream: () => postgres });
  const session = Buffer.alloc(8);
  session.writeInt32BE(SESSION);
  postgres.once("connect", () =>
    setImmediate(() => postgres.answer(message("R", Buffer.alloc(4)), message("K", session), READY)),
  );
  await client.connect();
  postgres.dropSent();
  return { client, postgres };
}

function part(statement: string, timeoutMs = 10_000): BatchPart {
  return new BatchPart({ text: statement, values: [], timeoutMs });
}

/** A message of Postgres' protocol: its letter, its length, its content. */
function message(letter: string, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(5, letter, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function text(content: string): Buffer {
  return Buffer.from(`${content}\0`);
}

function rowDescription(name: string): Buffer {
  const count = Buffer.from([0, 1]);
  const type = Buffer.alloc(18);
  type.writeInt32BE(TEXT, 6);
  return message("T", count, text(name), type);
}

function dataRow(value: string | null): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(value === null ? -1 : value.length);
  return message("D", Buffer.from([0, 1]), length, Buffer.from(value ?? ""));
}

const TEXT = 25;

function column(name: string) {
  return {
    name,
    dataTypeID: TEXT,
    tableID: 0,
    columnID: 0,
    dataTypeSize: -1,
    dataTypeModifier: -1,
    format: "text",
  };
}
