/** The fleet that orders are held against is read once for thousands of them, and anew before it refuses one. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { CachedFleet } from "@remotegpu/control-plane/server/store/fleet/cached-fleet";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { readingConnection } from "../../support/engines/reading-connection.ts";

const QUERIES_OF_A_READ = 2;

let fresh: FreshDatabase;
let queries = 0;
let nowMs = 0;
let failure: Error | null = null;

const counted = readingConnection(async (text, values) => {
  queries += 1;
  if (failure !== null) throw failure;
  return await fresh.database.query(text, values);
});
const storedFleet = () => new CachedFleet({ db: counted, now: () => new Date(nowMs) });

beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(async () => await fresh.drop());
beforeEach(async () => {
  failure = null;
  await fresh.database.query("DELETE FROM hosts");
  await addHost("host-a");
  queries = 0;
});

async function addHost(id: string): Promise<void> {
  await fresh.database.query(
    "INSERT INTO hosts (id, name, ip_address, connection, observed_at) VALUES ($1, $1, '10.0.0.1', 'connected', now())",
    [id],
  );
}

const idsOf = ({ hosts }: { hosts: { id: string }[] }) => hosts.map(({ id }) => id);

test("a thousand orders at once and a thousand within five seconds are one read", async () => {
  const fleet = storedFleet();
  await Promise.all(Array.from({ length: 1000 }, () => fleet.recent()));
  nowMs += 4999;
  await addHost("host-b");

  const stored = await Promise.all(Array.from({ length: 1000 }, () => fleet.recent()));

  expect(idsOf(stored[999] ?? { hosts: [] })).toEqual(["host-a"]);
  expect(queries).toBe(QUERIES_OF_A_READ);
});

test("after five seconds it is read again", async () => {
  const fleet = storedFleet();
  await fleet.recent();
  await addHost("host-b");
  nowMs += 5000;

  expect(idsOf(await fleet.recent())).toEqual(["host-a", "host-b"]);
});

test("whoever needs it anew sees what was there at the request, and a thousand of them share two reads", async () => {
  const fleet = storedFleet();
  const first = fleet.anew();
  // The first read is under way by now.
  await new Promise(setImmediate);
  await addHost("host-b");

  const others = await Promise.all(Array.from({ length: 1000 }, () => fleet.anew()));

  await first;
  expect(others.map(idsOf).every((ids) => ids.includes("host-b"))).toBe(true);
  expect(queries).toBe(2 * QUERIES_OF_A_READ);
});

test("a read that failed is not cached, and does not block the next", async () => {
  const fleet = storedFleet();
  failure = new Error("the database is away");
  await expect(fleet.recent()).rejects.toThrow("the database is away");
  failure = null;

  expect(idsOf(await fleet.recent())).toEqual(["host-a"]);
});
