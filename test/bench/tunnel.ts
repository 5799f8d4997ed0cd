/**
 * How fast bytes come out of a container through the two ways to a host, beside plain TLS on loopback in the same moments: the
 * direct way, and the one that a host behind NAT dials itself. The gateway's end is in this process; the service, the
 * access processes and the server of the plain connection have their own. SSH through the gateway is in `ssh`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:tls";
import type { Duplex } from "node:stream";
import { createOperator } from "@nats-io/nkeys";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { DirectWay } from "@remotegpu/control-plane/gateway/tunnel/direct-way";
import { type OpenTunnels, openTunnels } from "@remotegpu/control-plane/gateway/tunnel/open-tunnels";
import { OwnCertificate } from "@remotegpu/control-plane/gateway/tunnel/own-certificate";
import { AccessAuthority } from "@remotegpu/control-plane/link/identity/access-authority";
import { HostId, InstanceId } from "@remotegpu/shared/ids";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/units";
import { AccessUnderTest, ContainerUnderTest } from "../support/agent/access.ts";
import { eventually } from "../support/eventually.ts";
import { quietLog } from "../support/quiet-log.ts";
import { BehindNat } from "../support/worlds/behind-nat.ts";
import { benchDatabase } from "./bench-database.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";

const PLAIN_SERVICE = new URL("../fixtures/plain-tls-service.ts", import.meta.url).pathname;
const ROUNDS = 5;
const BYTES = 256 * MIB;
const PORT = 8000;
const HOST = HostId.parse("host-bench");
const INSTANCE = InstanceId.parse("ins-of-env-tunnel");

export async function measureTunnel(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const container = ending.adopt(await ContainerUnderTest.begin("env-tunnel"), (one) => one.end());
  await container.serve(PORT);
  const authority = await AccessAuthority.of({ key: createOperator() });
  const to = { hostId: HOST, instanceId: INSTANCE, port: PORT };
  const reversed = await reversedWay(container, authority, ending);
  const direct = await directWay(container, authority, ending);
  const plainPort = await plainServer(authority, ending);
  const ways = {
    direct: () => direct(),
    reversed: () => reversed.open(to),
    plain: async () => {
      // Who that is, is of no interest here.
      const socket = connect({ host: "127.0.0.1", port: plainPort, rejectUnauthorized: false });
      await once(socket, "secureConnect");
      return socket;
    },
  };

  const rounds: Record<keyof typeof ways, number>[] = [];
  for (const open of Object.values(ways)) await rateOf(await open());
  while (rounds.length < ROUNDS)
    rounds.push({
      direct: await rateOf(await ways.direct()),
      reversed: await rateOf(await ways.reversed()),
      plain: await rateOf(await ways.plain()),
    });

  say(headLine(`Bytes from a container to the gateway, MiB/s (${ROUNDS} rounds; more is faster)`));
  for (const way of ["direct", "reversed"] as const)
    say(
      ratioLine(
        `${way} way, to plain TLS`,
        rounds.map((round) => ({ ours: round[way], bare: round.plain })),
      ),
    );
  for (const way of ["direct", "reversed", "plain"] as const)
    say(
      valuesLine(
        way === "plain" ? "  plain TLS" : `  ${way} way`,
        rounds.map((round) => round[way]),
        "MiB",
      ),
    );
}

/** MiB a second, from being asked to the last byte. */
async function rateOf(stream: Duplex): Promise<number> {
  const beganMs = performance.now();
  stream.end(`zeros ${BYTES}\n`);
  let count = 0;
  for await (const chunk of stream) count += (chunk as Buffer).length;
  if (count < BYTES) throw new Error(`${count} bytes came instead of ${BYTES}`);
  return (count / MIB / (performance.now() - beganMs)) * MS_PER_SECOND;
}

/** Answers its port. */
async function plainServer(authority: AccessAuthority, ending: AsyncDisposableStack): Promise<number> {
  const { key, certificate } = await authority.gateway(new Date());
  const server = spawn(process.execPath, [PLAIN_SERVICE], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TLS_KEY: key, TLS_CERT: certificate },
  });
  ending.defer(() => void server.kill("SIGKILL"));
  const [port] = (await once(server.stdout, "data")) as [Buffer];
  return Number(port);
}

async function directWay(
  container: ContainerUnderTest,
  authority: AccessAuthority,
  ending: AsyncDisposableStack,
): Promise<() => Promise<Duplex>> {
  const access = ending.adopt(await AccessUnderTest.begin(), (one) => one.end());
  await access.say({ instances: [container.instance], gateway: await identityOf(access, authority) });
  const port = await eventually(() => access.news?.gatewayPort ?? undefined, { what: "its port" });
  const certificate = new OwnCertificate({ make: (now) => authority.gateway(now), now: () => new Date() });
  const way = new DirectWay({ context: () => certificate.context() });
  ending.defer(() => way.close());
  const at = { name: "bench", addresses: ["127.0.0.1"], isOnThisMachine: true, port };
  return () => way.open({ hostId: HOST, instanceId: INSTANCE, port: PORT }, at);
}

/** Once the host has dialled. */
async function reversedWay(
  container: ContainerUnderTest,
  authority: AccessAuthority,
  ending: AsyncDisposableStack,
): Promise<OpenTunnels> {
  const db = await benchDatabase(ending);
  const nat = ending.adopt(await BehindNat.begin(), (one) => one.end());
  const access = ending.adopt(await nat.beginAccess(), (one) => one.end());
  await db.query(
    `INSERT INTO hosts (id, name, ip_address, connection, features)
     VALUES ($1, 'bench', $2, 'connected', '{web}')`,
    [HOST, nat.inside],
  );
  const tunnels = await openTunnels({
    db,
    now: () => new Date(),
    log: quietLog,
    certify: (now) => authority.gateway(now),
    listen: { address: nat.outside, port: 0 },
    nudge: () => undefined,
  });
  ending.defer(() => tunnels.close());
  await access.say({
    instances: [container.instance],
    gateway: await identityOf(access, authority),
    gateways: [{ name: "bench", host: nat.outside, port: tunnels.port ?? 0 }],
  });
  const to = { hostId: HOST, instanceId: INSTANCE, port: PORT };
  await eventually(
    async () => {
      (await tunnels.open(to)).destroy();
      return true;
    },
    { what: "a host that has dialled" },
  );
  return tunnels;
}

async function identityOf(access: AccessUnderTest, authority: AccessAuthority) {
  const key = openHostKey(`${access.folder}/host.nk`);
  const certified = await authority.certifyHost(HOST, key.accessClaim.key, new Date());
  return { key: key.accessKeyPem, ...certified };
}
