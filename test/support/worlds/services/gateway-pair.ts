/**
 * Gateways as processes of their own, beside a control plane that is none: two of one domain behind one address, as an
 * operator's load balancer has it. Connections go to the first that takes them.
 */
import { copyFileSync, mkdirSync } from "node:fs";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { eventually } from "../../eventually.ts";
import { type House } from "../house.ts";
import { CONTROL_PLANE, Program } from "../../programs/program.ts";
import { freePort } from "../../engines/free-ports.ts";

const LOOPBACK = "127.0.0.1";

export interface OwnGateway {
  program: Program;
  port: number;
  /** Where it serves its metrics. */
  metricsPort: number;
}

export class GatewayPair {
  /** As WEB_DOMAIN has it. */
  readonly domain: string;
  readonly gateways: readonly OwnGateway[];
  readonly #balancer: Server;

  private constructor(domain: string, gateways: readonly OwnGateway[], balancer: Server) {
    this.domain = domain;
    this.gateways = gateways;
    this.#balancer = balancer;
  }

  /** @param tunnelAddress where hosts dial in */
  static async begin(
    house: House,
    { databaseUrl, tunnelAddress }: { databaseUrl: string; tunnelAddress: string },
  ): Promise<GatewayPair> {
    const ports = [await freePort(), await freePort()];
    const metricsPorts = [await freePort(), await freePort()];
    const balancer = createServer({ allowHalfOpen: true }, (client) => void lead(client, ports));
    balancer.listen(0, LOOPBACK);
    await once(balancer, "listening");
    const address = balancer.address();
    const domain = `localhost:${typeof address === "object" && address !== null ? address.port : 0}`;
    const gateways = ports.map((port, nth) => {
      const name = `gateway-${nth + 1}`;
      const metricsPort = metricsPorts[nth] ?? 0;
      const settings = {
        REMOTEGPU_STATE_DIR: folderWithOperator(house, name),
        DATABASE_URL: databaseUrl,
        WEB_DOMAIN: domain,
        REMOTEGPU_GATEWAY_LISTEN: `${LOOPBACK}:${port}`,
        REMOTEGPU_TUNNEL_LISTEN: `${tunnelAddress}:0`,
        REMOTEGPU_GATEWAY_METRICS_LISTEN: `${LOOPBACK}:${metricsPort}`,
        REMOTEGPU_EXIT_WITH_STDIN: "1",
      };
      const program = new Program(CONTROL_PLANE, settings, join(house.folder, `${name}.log`), "gateway");
      return { program, port, metricsPort };
    });
    const pair = new GatewayPair(domain, gateways, balancer);
    try {
      // One after the other, so that their rows tell which is which.
      for (const gateway of gateways) await begin(gateway);
    } catch (error) {
      await pair.close();
      throw error;
    }
    return pair;
  }

  /** One that has ended answers again. */
  async startAgain(nth: number): Promise<void> {
    const gateway = this.gateways[nth];
    if (gateway === undefined) throw new Error("no such gateway");
    await begin(gateway);
  }

  async close(): Promise<void> {
    this.#balancer.close();
    for (const { program } of this.gateways) await program.stop();
  }
}

/** A state folder as an operator makes it on another machine: the fleet's keys, copied. */
export function folderWithOperator(house: House, name: string): string {
  const folder = join(house.folder, name);
  mkdirSync(folder);
  copyFileSync(join(house.folder, "control-plane", "operator.json"), join(folder, "operator.json"));
  return folder;
}

async function begin({ program, port }: OwnGateway): Promise<void> {
  program.start();
  await eventually(() => answers(port), {
    withinMs: 60_000,
    what: `a gateway, which said:\n${program.output()}`,
  });
}

async function answers(port: number): Promise<boolean> {
  const { status } = await fetch(`http://${LOOPBACK}:${port}/healthz`);
  return status === 421 || status === 200;
}

async function lead(client: Socket, ports: readonly number[]): Promise<void> {
  client.on("error", () => client.destroy());
  for (const port of ports) {
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
