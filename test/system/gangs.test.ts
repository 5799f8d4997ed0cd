/** Gangs over hosts that stand on one line, each with a network and a container runtime of its own. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { House } from "../support/worlds/house.ts";
import { LinkedHosts } from "../support/worlds/linked-hosts.ts";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";

const HOSTS = 3;

const ending = new AsyncDisposableStack();
let database: FreshDatabase;
let linked: LinkedHosts;
let house: House;

beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  linked = ending.adopt(await LinkedHosts.begin({ count: HOSTS }), (one) => one.end());
  house = ending.adopt(
    await House.open({ hosts: 0, address: linked.outside, settings: { DATABASE_URL: database.url } }),
    (one) => one.close(),
  );
  for (const { runtime } of linked.hosts)
    await house.addHost({ REMOTEGPU_RUNTIME_SOCKET: runtime.socketPath }, { network: runtime.namespace });
});
afterAll(() => ending.disposeAsync());

test("each stands with the address by which the others reach it", async () => {
  const hosts = await house.admin.list("/hosts");

  expect(hosts.map(({ ip_address: address }) => String(address)).toSorted()).toEqual(
    linked.hosts.map(({ address }) => address),
  );
});
