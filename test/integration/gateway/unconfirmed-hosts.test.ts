/**
 * Hosts that report addresses of others: a gateway connects to nobody at their word. The victim listens where the gateway
 * runs, and counts who comes.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { createOperator } from "@nats-io/nkeys";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OpenTunnels, openTunnels } from "@remotegpu/control-plane/gateway/tunnel/open-tunnels";
import type { TunnelError } from "@remotegpu/control-plane/gateway/tunnel/tunnel";
import { AccessAuthority } from "@remotegpu/control-plane/server/link/identity/access-authority";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { routesOfHosts } from "@remotegpu/control-plane/server/store/gateway/gateway-routes";
import {
  noteConnection,
  noteOnThisMachine,
} from "@remotegpu/control-plane/server/store/hosts/host-addresses";
import { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { eventually } from "../../support/eventually.ts";
import { quietLog } from "../../support/quiet-log.ts";

const INSTANCE = InstanceId.parse("ins-1");
/** Of this machine, beyond loopback. */
const OUTSIDE = Object.values(networkInterfaces())
  .flatMap((of) => of ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

let fresh: FreshDatabase;
let victim: Server;
let port: number;
let tunnels: OpenTunnels;
let visits = 0;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  fresh = ending.adopt(await freshDatabase(), (one) => one.drop());
  victim = createServer((socket) => {
    visits += 1;
    socket.on("error", () => undefined).destroy();
  });
  ending.defer(() => void victim.close());
  victim.listen(0, "::");
  await once(victim, "listening");
  ({ port } = victim.address() as AddressInfo);
  const authority = await AccessAuthority.of({ key: createOperator() });
  tunnels = await openTunnels({
    db: fresh.application,
    now: () => new Date(),
    log: quietLog,
    certify: (now) => authority.gateway(now),
    listen: null,
    nudge: () => undefined,
  });
  ending.defer(() => tunnels.close());
  await fresh.database.query(
    "INSERT INTO gateways (id, name, started_at, seen_at) VALUES ('gw-1', 'gw-1', now(), now() + interval '1 hour')",
  );
});
afterAll(() => ending.disposeAsync());

let made = 0;
async function hostAt(reported: string, publicAddress: string | null = null): Promise<HostId> {
  const id = HostId.parse(`host-${(made += 1)}`);
  await fresh.database.query(
    `INSERT INTO hosts (id, name, ip_address, public_ip, connection, gateway_port, features)
     VALUES ($1, $1, $2, $3, 'connected', $4, '{web}')`,
    [id, reported, publicAddress, port],
  );
  return id;
}

const refusal = (hostId: HostId): Promise<TunnelError> =>
  tunnels.open({ hostId, instanceId: INSTANCE, port: 8000 }).then(
    () => expect.fail("it was opened"),
    (error: unknown) => error as TunnelError,
  );

test.each([
  ["127.0.0.1"],
  ["127.0.0.53"],
  ["::1"],
  ["::ffff:127.0.0.1"],
  ["0.0.0.0"],
  ["::"],
  ["localhost"],
  ["localhost."],
  ["127.1"],
  ["2130706433"],
  ...(OUTSIDE === undefined ? [] : [[OUTSIDE], [`::ffff:${OUTSIDE}`]]),
])(
  "a host that reports %s is dialled there by nobody, even where its connections and all networks agree",
  async (reported) => {
    await setSetting(fresh.database, "HOST_NETWORKS", "0.0.0.0/0,::/0");
    const host = await hostAt(reported);
    await noteConnection(fresh.application, { hostId: host, address: reported });
    await fresh.database.query("UPDATE hosts SET confirmed_address = ip_address WHERE id = $1", [host]);

    const error = await refusal(host);

    expect(error.message).toBe(`Where host ${host} is reached is not confirmed.`);
    expect(visits).toBe(0);
  },
);

test.each(["localhost", "127.0.0.1", "169.254.169.254"])(
  "what leads to %s is refused once it is resolved, though an administrator gave it",
  async (publicAddress) => {
    await setSetting(fresh.database, "HOST_NETWORKS", "none");
    const host = await hostAt("10.255.255.7", publicAddress);

    const { message } = await refusal(host);

    expect(message).toMatch(
      publicAddress === "localhost"
        ? /does not answer gateways: its address is .* (loopback|control plane)/
        : /is not confirmed/,
    );
    expect(visits).toBe(0);
  },
);

test("only the host that the operator named on this machine is dialled at its own addresses, and the loop checks anew", async () => {
  await setSetting(fresh.database, "HOST_NETWORKS", "none");
  const host = await hostAt("127.0.0.1");
  const routeTo = async () =>
    (await routesOfHosts(fresh.application, { hostIds: [host], now: new Date() })).get(host)?.[0];
  tunnels.follow("gw-1");
  await eventually(async () => (await routeTo())?.detail?.code === "tunnel-host-unconfirmed", {
    what: "its way",
  });
  expect(visits).toBe(0);

  await noteOnThisMachine(fresh.application, host);

  await eventually(() => visits > 0, { what: "the gateway at its own address" });
  // Of another boot or network the same loopback is another one.
  const before = visits;
  await fresh.database.query("UPDATE hosts SET own_network = 'another/net:[1]' WHERE id = $1", [host]);
  await eventually(async () => (await refusal(host)).message.includes("not confirmed"), {
    what: "the refusal",
    withinMs: 60_000,
  });
  const { message } = await refusal(host);
  expect([message, visits - before < 5]).toEqual([`Where host ${host} is reached is not confirmed.`, true]);
});
