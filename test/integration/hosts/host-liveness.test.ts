/** What a silence of hosts means while NATS or Postgres is away: nothing, until hosts had time to be heard again. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { HostLiveness } from "@remotegpu/control-plane/server/controllers/hosts/host-liveness";
import { AMNESTY_MS } from "@remotegpu/control-plane/server/core/hosts/host-liveness";
import { HostOrders } from "@remotegpu/control-plane/server/link/hosts/host-orders";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { StoreError } from "@remotegpu/control-plane/server/store/database/store-error";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { type CuttableTcp, cuttableTcp } from "../../support/engines/cuttable-tcp.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestNats, type TestNats } from "../../support/engines/nats.ts";
import { freshDatabase, type FreshDatabase } from "../../support/engines/postgres.ts";

const STARTED_MS = Date.parse("2026-03-01T00:00:00Z");
const POLL_MS = 5_000;

let nats: TestNats;
let orders: HostOrders;
let database: FreshDatabase;
let route: CuttableTcp;
let overTheRoute: Database;
let nowMs: number;
let liveness: HostLiveness;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  nats = ending.adopt(await startTestNats(), (one) => one.close());
  orders = new HostOrders(await nats.connectControlPlane());
  const url = new URL(database.url);
  route = ending.adopt(await cuttableTcp({ host: url.hostname, port: Number(url.port) }), (one) =>
    one.close(),
  );
  url.port = String(route.port);
  overTheRoute = ending.adopt(openDatabase(url.href), (one) => one.close());
});
afterAll(() => ending.disposeAsync());

beforeEach(async () => {
  nowMs = STARTED_MS;
  liveness = new HostLiveness({
    db: overTheRoute,
    now: () => new Date(nowMs),
    hears: () => orders.isConnected,
  });
  await database.database.query("DELETE FROM hosts");
  await database.database.query(
    "INSERT INTO hosts (id, name, ip_address, connection, last_heartbeat) VALUES ('host-a', 'a', '10.0.0.1', 'connected', $1)",
    [new Date(STARTED_MS)],
  );
});

/** Passes at every poll until so many milliseconds have passed, and what they made of the host. */
async function passesFor(ms: number): Promise<string> {
  const db = database.database;
  for (const endMs = nowMs + ms; nowMs < endMs;) {
    nowMs += POLL_MS;
    const term = await acquireLeadership(db, { holder: "the test", now: new Date(nowMs) });
    await liveness.pass(term ?? 0);
  }
  const { rows } = await db.query<{ connection: string }>("SELECT connection FROM hosts");
  return rows[0]?.connection ?? "no host";
}

async function heard(): Promise<void> {
  await database.database.query("UPDATE hosts SET connection = 'connected', last_heartbeat = $1", [
    new Date(nowMs),
  ]);
}

test("after an outage of NATS, however long, a host is unreachable only when the amnesty has passed", async () => {
  expect(await passesFor(AMNESTY_MS + POLL_MS)).toBe("unreachable");
  await heard();

  await nats.stop();
  await eventually(() => !orders.isConnected, { what: "the outage showing" });
  expect(await passesFor(2 * AMNESTY_MS)).toBe("suspect");
  await nats.start();
  await eventually(() => orders.isConnected, { what: "NATS again" });

  expect(await passesFor(AMNESTY_MS)).toBe("suspect");
  expect(await passesFor(POLL_MS)).toBe("unreachable");
});

test("after an outage of Postgres, in which no heartbeat was noted, likewise", async () => {
  await passesFor(AMNESTY_MS);
  await heard();

  route.cut();
  nowMs += AMNESTY_MS;
  await expect(liveness.pass(1)).rejects.toThrow(StoreError);
  nowMs += AMNESTY_MS;
  await expect(liveness.pass(1)).rejects.toThrow(StoreError);
  route.mend();

  expect(await passesFor(AMNESTY_MS)).toBe("suspect");
  expect(await passesFor(POLL_MS)).toBe("unreachable");
});
