/**
 * The fleet of the page "High availability" on one machine: three control planes on three NATS servers, a Postgres primary
 * and its standby, each behind a PgBouncer, two gateways, and three hosts with simulated GPUs. All are real processes,
 * started with the page's files, in which only addresses, ports and folders are others.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { JetStreamManager } from "nats";
import { JOURNAL_STREAM } from "@remotegpu/shared/messages/subjects";
import { connectControlPlane } from "@remotegpu/control-plane/server/link/servers/connection";
import { SPARING_MEMORY } from "@remotegpu/control-plane/server/quickstart/stage";
import { freePort } from "../engines/free-ports.ts";
import { NatsCluster, type ServerName } from "../engines/nats-cluster.ts";
import { eventually } from "../eventually.ts";
import { quietLog } from "../quiet-log.ts";
import { CONTROL_PLANE, OWN_PROGRAMS, Program } from "../programs/program.ts";
import { type HostProcess, House } from "../worlds/house.ts";
import { pageFile, settingsIn } from "./page.ts";
import { PostgresWithStandby } from "./postgres-with-standby.ts";
import { Route } from "./route.ts";

const LOOPBACK = "127.0.0.1";
const HOSTS = 3;
const STREAM_REPLICAS = 3;
const GPUS_OF_A_HOST = "2";
/** More cores than this machine has: each order takes one at least. */
const MANY_CORES = `import os from "node:os"; os.cpus = () => Array(16).fill({ model: "", speed: 0 });\n`;

/** A control plane or a gateway, and its own ways to the poolers of Postgres. */
export interface Server3 {
  name: string;
  program: Program;
  /** Of its API or its web side. */
  url: string;
  port: number;
  toPostgres: readonly Route[];
}

/** A host, and its agent's ways to the NATS servers. */
export interface HostOnRoutes extends HostProcess {
  toNats: readonly Route[];
}

export class ThreeOfEverything implements AsyncDisposable {
  readonly postgres: PostgresWithStandby;
  readonly nats: NatsCluster;
  house!: House;
  readonly controlPlanes: Server3[] = [];
  readonly gateways: Server3[] = [];
  readonly hosts: HostOnRoutes[] = [];
  /** As WEB_DOMAIN has it. */
  domain = "";
  /** The harness' own look at JetStream. */
  #streams!: JetStreamManager;
  readonly #ending: AsyncDisposableStack;

  private constructor(postgres: PostgresWithStandby, nats: NatsCluster, ending: AsyncDisposableStack) {
    this.postgres = postgres;
    this.nats = nats;
    this.#ending = ending;
  }

  static async begin(): Promise<ThreeOfEverything> {
    const ending = new AsyncDisposableStack();
    try {
      const postgres = ending.adopt(await PostgresWithStandby.start(), (one) => one.stop());
      const nats = ending.adopt(await NatsCluster.make(), (one) => one.close());
      await nats.start();
      const fleet = new ThreeOfEverything(postgres, nats, ending);
      await fleet.#openServers();
      await fleet.#lookAtStreams();
      await fleet.#openHosts();
      return fleet;
    } catch (error) {
      await ending.disposeAsync();
      throw error;
    }
  }

  /** Who of those that answer says that it leads. */
  async leader(): Promise<Server3 | undefined> {
    const told = await Promise.all(this.controlPlanes.map(async (one) => (await leads(one)) && one));
    return told.find((one) => one !== false);
  }

  /** @throws while the journal stream has none, or not three replicas that are current */
  async streamLeader(): Promise<ServerName> {
    const { config, cluster } = await this.#streams.streams.info(JOURNAL_STREAM);
    const leader = this.nats.running.find((name) => name === cluster?.leader);
    const current = cluster?.replicas?.filter((one) => one.current).length ?? 0;
    if (leader === undefined || config.num_replicas !== STREAM_REPLICAS || current < STREAM_REPLICAS - 1)
      throw new Error(`the stream is led by ${cluster?.leader}, and ${current} follow`);
    return leader;
  }

  /** All three answer, and none misses anything. */
  async isWhole(withinMs = 60_000): Promise<void> {
    await eventually(
      async () => {
        const states = await Promise.all(this.controlPlanes.map(readiness));
        if (states.every((state) => state === "ready")) return true;
        throw new Error(`control planes are ${states.join(", ")}`);
      },
      { withinMs, what: "three control planes that miss nothing" },
    );
    await eventually(() => this.streamLeader(), { withinMs, what: "a stream of three replicas" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ending.disposeAsync();
  }

  async #lookAtStreams(): Promise<void> {
    const address = { urls: this.nats.urls, ca: null };
    const connection = await connectControlPlane(this.nats.operator, address, quietLog);
    this.#ending.adopt(connection, (one) => one.close());
    this.#streams = await connection.jetstreamManager({ timeout: 1_000, checkAPI: false });
    await this.isWhole();
  }

  async #openServers(): Promise<void> {
    const first = await this.#routes();
    const operatorFile = join(this.nats.folder, "operator.json");
    const settings = this.#settings(first);
    this.house = this.#ending.adopt(await House.open({ hosts: 0, settings, operatorFile }), (one) =>
      one.close(),
    );
    this.#ending.defer(() => this.#thawAll());
    const { house } = this;
    this.controlPlanes.push(serverOf("control-plane-1", house.controlPlane, house.url, first));
    for (const nth of [2, 3]) {
      const routes = await this.#routes();
      const { program, url } = await house.addReplica(OWN_PROGRAMS, this.#settings(routes));
      this.controlPlanes.push(serverOf(`control-plane-${nth}`, program, url, routes));
      program.start();
    }
    await this.#openGateways(operatorFile);
  }

  async #openGateways(operatorFile: string): Promise<void> {
    const balancer = createServer({ allowHalfOpen: true }, (client) => void this.#balance(client));
    balancer.listen(0, LOOPBACK);
    await once(balancer, "listening");
    this.#ending.defer(() => void balancer.close());
    this.domain = `localhost:${portOf(balancer)}`;
    for (const nth of [1, 2]) {
      const name = `gateway-${nth}`;
      const folder = join(this.house.folder, name);
      mkdirSync(folder);
      copyFileSync(operatorFile, join(folder, "operator.json"));
      const routes = await this.#routes();
      const port = await freePort();
      const { REMOTEGPU_LISTEN: _none, REMOTEGPU_PUBLIC_URL: _neither, ...shared } = this.#settings(routes);
      const settings = {
        ...shared,
        ...settingsIn(
          pageFile("/etc/remotegpu/gateway.env", [
            ["web.example.com:8445", this.domain],
            ["0.0.0.0:8445", `${LOOPBACK}:${port}`],
            // The balancer in front speaks plain HTTP.
            [/WEB_(CERT|KEY)=.*\n/g, ""],
          ]),
        ),
        REMOTEGPU_STATE_DIR: folder,
        REMOTEGPU_TUNNEL_LISTEN: `${LOOPBACK}:0`,
        REMOTEGPU_EXIT_WITH_STDIN: "1",
      };
      const program = new Program(CONTROL_PLANE, settings, join(this.house.folder, `${name}.log`), "gateway");
      this.#ending.adopt(program, (one) => one.stop()).start();
      this.gateways.push({
        ...serverOf(name, program, `http://${LOOPBACK}:${port}`, routes),
      });
    }
    for (const one of this.gateways) await gatewayServes(one);
  }

  async #openHosts(): Promise<void> {
    const cores = join(this.house.folder, "cores.mjs");
    writeFileSync(cores, MANY_CORES);
    const settings = {
      NODE_OPTIONS: `${SPARING_MEMORY.NODE_OPTIONS} --import=${cores}`,
      REMOTEGPU_SIMULATED_GPUS: GPUS_OF_A_HOST,
    };
    for (let number = 0; number < HOSTS; number += 1) {
      const toNats = await Promise.all(this.nats.urls.map((url) => Route.open(Number(new URL(url).port))));
      for (const route of toNats) this.#ending.adopt(route, (one) => one.close());
      const urls = toNats.map(({ port }) => `nats://${LOOPBACK}:${port}`);
      const host = await this.house.addHost(settings, { onJoined: (folder) => leadThrough(folder, urls) });
      this.hosts.push({ ...host, toNats });
    }
  }

  /** The page's, for whoever comes to Postgres by these routes. */
  #settings(routes: readonly Route[]): Record<string, string> {
    const file = pageFile("/etc/remotegpu/control-plane.env", [
      [/postgres:\S+/g, this.postgres.url(routes.map(({ port }) => `${LOOPBACK}:${port}`))],
      [/NATS_URL=\S+/g, `NATS_URL=${this.nats.urls.join(",")}`],
      // On loopback without TLS.
      [/NATS_CA_FILE=.*\n/g, ""],
      [/REMOTEGPU_(LISTEN|PUBLIC_URL)=.*\n/g, ""],
    ]);
    return settingsIn(file);
  }

  async #routes(): Promise<Route[]> {
    const routes = await Promise.all(this.postgres.poolers.map(({ port }) => Route.open(port)));
    for (const route of routes) this.#ending.adopt(route, (one) => one.close());
    return routes;
  }

  /** Connections go to the first gateway that takes them, as an operator's load balancer has it. */
  async #balance(client: Socket): Promise<void> {
    client.on("error", () => client.destroy());
    for (const { port } of this.gateways) {
      const route = connect({ port, host: LOOPBACK, allowHalfOpen: true });
      const isOpen = await once(route, "connect").then(
        () => true,
        () => false,
      );
      if (!isOpen) continue;
      route.on("error", () => client.destroy());
      route.once("close", () => client.destroySoon());
      client.once("close", () => route.destroy());
      client.pipe(route).pipe(client);
      return;
    }
    client.destroy();
  }

  /** Nobody who stands still can end in order. */
  #thawAll(): void {
    for (const { program, toPostgres } of [...this.controlPlanes, ...this.gateways]) {
      program.resume();
      for (const route of toPostgres) route.mend();
    }
    for (const { agent, toNats } of this.hosts) {
      agent.resume();
      for (const route of toNats) route.mend();
    }
    for (const name of this.nats.running) this.nats.thaw(name);
  }
}

export async function leads({ url }: Server3): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2_500) });
    return /^\w*control_plane_is_leader 1$/m.test(await answer.text());
  } catch {
    // It is away, or stands still.
    return false;
  }
}

/** @throws where it does not serve within the bound */
export async function gatewayServes({ url, program }: Server3): Promise<void> {
  await eventually(
    async () => {
      const { status } = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) });
      return status === 421 || status === 200;
    },
    { what: `a gateway, which said:\n${program.output().slice(-1_000)}` },
  );
}

/** "ready", "degraded", or why not. */
async function readiness({ url }: Server3): Promise<string> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    if (!answer.ok) return `${answer.status}`;
    return ((await answer.json()) as { status: string }).status;
  } catch (error) {
    return String(error);
  }
}

function serverOf(name: string, program: Program, url: string, toPostgres: readonly Route[]): Server3 {
  return { name, program, url, port: Number(new URL(url).port), toPostgres };
}

/** The agent comes to NATS by these from its first connection on. */
function leadThrough(folder: string, urls: readonly string[]): void {
  const file = join(folder, "credential.json");
  const credential = JSON.parse(readFileSync(file, "utf8")) as { grant: { nats_urls: readonly string[] } };
  credential.grant.nats_urls = urls;
  writeFileSync(file, JSON.stringify(credential), { mode: 0o600 });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
