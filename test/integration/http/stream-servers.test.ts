/** Streams of whole servers: what reading them costs, readers who take nothing, and a server that is killed. */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { afterAll, beforeAll, expect, test, type TestContext } from "vitest";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { eventually } from "../../support/eventually.ts";
import { type ApiWorld, type Caller, openApi } from "../../support/http/api.ts";
import { ApiProcess } from "../../support/http/api-process.ts";
import { EventStream } from "../../support/http/event-stream.ts";

const CARDS = 1_500;

let fresh: FreshDatabase;
let api: ApiWorld;
let ada: Caller & { workspaceId: number };

beforeAll(async () => {
  fresh = await freshDatabase();
  api = await openApi({}, fresh);
  ada = await api.customer("ada");
  await api.db.query(
    "INSERT INTO hosts (id, name, ip_address, status) VALUES ('h', 'h', '10.0.0.1', 'online')",
  );
  await api.db.query(
    `INSERT INTO gpus (host_id, gpu_index, uuid, name, memory_total, status)
     SELECT 'h', n, 'GPU-' || lpad(n::text, 100, '0'), 'a card', 1, 'available' FROM generate_series(1, ${CARDS}) n`,
  );
});
afterAll(() => api.close());

/** What ends with a test. */
type Ending = Pick<TestContext, "onTestFinished">;

async function serverProcess({ onTestFinished }: Ending): Promise<ApiProcess> {
  const server = await ApiProcess.start(fresh.url);
  onTestFinished(() => server.kill());
  return server;
}

async function listen(
  { onTestFinished }: Ending,
  url: string,
  { as, topics, headers = {} }: { as: Caller; topics: string; headers?: Record<string, string> },
): Promise<EventStream> {
  const stream = await EventStream.open(`${url}/api/v1/stream?topics=${topics}`, { key: as.key, headers });
  onTestFinished(() => stream.leave());
  return stream;
}

/** A server whose looks for its streams are counted. */
async function countedServer({ onTestFinished }: Ending): Promise<{ url: string; checks: () => number }> {
  const { db } = api.deps;
  let checks = 0;
  const query: typeof db.query = async (text, values) => {
    if (text.includes("FROM events) AS event")) checks += 1;
    return await db.query(text, values);
  };
  const closing = new AbortController();
  const app = createApp({ ...api.deps, closing: closing.signal, db: { ...db, query } });
  const server = await openServer(app, { host: "127.0.0.1", port: 0, tls: null });
  onTestFinished(async () => {
    closing.abort();
    await server.close();
  });
  return { url: `http://127.0.0.1:${server.port}`, checks: () => checks };
}

test.concurrent("a server polls once a second for all its readers, and not at all without any", async (ending) => {
  const [one, many] = [await countedServer(ending), await countedServer(ending)];
  const turns = async (count: number) => {
    const until = one.checks() + count;
    await eventually(() => one.checks() >= until, { what: `${count} looks of a server with one reader` });
  };
  await listen(ending, one.url, { as: ada, topics: "workloads" });
  const readers = await Promise.all(
    Array.from({ length: 60 }, (_, nth) =>
      listen(ending, many.url, {
        as: nth % 2 === 0 ? ada : api.admin,
        topics: nth % 3 === 0 ? "workloads,queue" : "workloads",
      }),
    ),
  );

  const before = many.checks();
  const beganMs = performance.now();
  await turns(5);
  const counted = many.checks() - before;
  const seconds = (performance.now() - beganMs) / MS_PER_SECOND;
  for (const reader of readers) reader.leave();
  await eventually(
    async () => {
      const still = many.checks();
      await turns(2);
      return many.checks() === still;
    },
    { what: "no looks for nobody" },
  );

  expect(counted).toBeGreaterThan(0);
  // Of a second that has only begun, too: a check for each of the sixty would be far more.
  expect(counted).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
}, 90_000);

/** Each of them another set of topics, so that each would have bytes of its own. */
const DEAF = ["fleet", "queue", "alarms", "workloads", "billing", "cost"];

test.concurrent("readers who take nothing cost no memory, hold up nobody, and are cut off", async (ending) => {
  const server = await serverProcess(ending);
  const deaf = await Promise.all(DEAF.map((topic) => deafReader(ending, server.port, `gpu,${topic}`)));
  const reader = await listen(ending, server.url, { as: api.admin, topics: "gpu" });
  let percent = 0;
  /** Every card once more, a quarter of a megabyte for each reader. */
  const another = async () => {
    percent = (percent + 1) % 100;
    await api.db.query("UPDATE gpus SET utilization_percent = $1", [percent]);
    const reported = () =>
      JSON.stringify(reader.of("gpu").at(-1)?.data.rows[0] ?? []).includes(`",${percent},`);
    await eventually(reported, { what: "readings", withinMs: 60_000 });
    reader.events.length = 0;
  };
  const isOpen = (socket: Socket) => isConnected(server.port, socket.localPort ?? 0);

  for (let nth = 0; nth < 6; nth += 1) await another();
  const early = await server.memoryBytes();
  let late = early;
  while (deaf.every(isOpen)) {
    late = await server.memoryBytes();
    await another();
  }
  await eventually(() => !deaf.some(isOpen), { what: "readers cut off" });
  await another();

  // Without a bound, each of them would hold a quarter of a megabyte more every second for twenty seconds. What the
  // server keeps for those who come back has no readings.
  expect(late - early).toBeLessThan(10_000_000);
  expect(reader.end).toBeNull();
}, 180_000);

/** Asks for a stream, and never takes a byte from the socket beyond what Node reads ahead. */
async function deafReader({ onTestFinished }: Ending, port: number, topics: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.pause();
  socket.write(
    `GET /api/v1/stream?topics=${topics} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.admin.key}\r\n\r\n`,
  );
  return socket;
}

/** As the kernel has it at the server's end. */
function isConnected(port: number, from: number): boolean {
  const hex = (number: number) => number.toString(16).toUpperCase().padStart(4, "0");
  const ESTABLISHED = "01";
  return ["/proc/net/tcp", "/proc/net/tcp6"].some((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .some((line) => {
        const [, local = "", remote = "", state] = line.trim().split(/\s+/);
        return local.endsWith(`:${hex(port)}`) && remote.endsWith(`:${hex(from)}`) && state === ESTABLISHED;
      }),
  );
}

test.concurrent("who read of a server that was killed goes on at another, and has missed nothing", async (ending) => {
  const [first, second] = await Promise.all([serverProcess(ending), serverProcess(ending)]);
  const before = await listen(ending, first.url, { as: ada, topics: "workloads" });
  await before.until("where it begins", ({ lastEventId }) => lastEventId !== null);
  const order = async (id: string) =>
    await api.db.query(
      `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory)
       VALUES ($1, $2, $3, 'work', 'busybox', 'queued', 1, 1)`,
      [id, ada.customerId, ada.workspaceId],
    );

  await first.kill();
  await before.until("its end", ({ end }) => end !== null);
  await order("env-missed");
  const after = await listen(ending, second.url, {
    as: ada,
    topics: "workloads",
    headers: { "Last-Event-ID": before.lastEventId ?? "" },
  });

  await after.until("that everything is to be asked for", ({ events }) => events[0]?.event === "resync");
  await order("env-later");
  await after.until("an order", ({ changed }) => changed.includes("workloads env-later"));
  expect(before.end).toBe("broken");
});
