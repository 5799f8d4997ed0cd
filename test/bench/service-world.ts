/** Inference services of the real product for a measurement: one control plane with its gateway, one host, real containers. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { SPARING_MEMORY } from "@remotegpu/control-plane/server/quickstart/stage";
import { MIB } from "@remotegpu/shared/values/units";
import { type LoadOptions, SERVES } from "../support/load/service-load.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House } from "../support/worlds/house.ts";
import { freePort } from "../support/engines/free-ports.ts";

const POLL_MS = 20;
const WITHIN_MS = 120_000;
/** A core is the least that a replica takes, and there are more of them than this machine has. */
const MANY_CORES = `import os from "node:os"; os.cpus = () => Array(64).fill({ model: "", speed: 0 });\n`;

/** A replica's, and that of a bare container beside it. */
export const REPLICA = { image: BUSYBOX_IMAGE, command: SERVES };

const Service = z.looseObject({
  id: z.string(),
  status: z.string(),
  status_reason: z.string().nullable(),
  version: z.string().nullable(),
  ready_replicas: z.int(),
  instances: z.array(z.unknown()),
});
type View = z.infer<typeof Service>;

export class ServiceWorld {
  readonly #house: House;
  readonly #gatewayPort: number;

  private constructor(house: House, gatewayPort: number) {
    this.#house = house;
    this.#gatewayPort = gatewayPort;
  }

  static async open(ending: AsyncDisposableStack): Promise<ServiceWorld> {
    const port = await freePort();
    const settings = { WEB_DOMAIN: `localhost:${port}`, REMOTEGPU_GATEWAY_LISTEN: `127.0.0.1:${port}` };
    const house = ending.adopt(await House.open({ hosts: 0, settings }), (one) => one.close());
    const cores = join(house.folder, "cores.mjs");
    writeFileSync(cores, MANY_CORES);
    await house.addHost({ NODE_OPTIONS: `${SPARING_MEMORY.NODE_OPTIONS} --import=${cores}` });
    return new ServiceWorld(house, port);
  }

  /** Its first replica serves. */
  async serves(change: object): Promise<BenchService> {
    const { house, port } = { house: this.#house, port: this.#gatewayPort };
    const made = await house.customer.post("/inference-services", {
      name: "bench",
      image: REPLICA.image,
      version: "1",
      cpu: 1,
      memory: 64 * MIB,
      health_check_path: "/health",
      config: { command: REPLICA.command },
      ...change,
    });
    const id = String(made["id"]);
    const { key } = await house.customer.post(`/inference-services/${id}/keys`, { name: "bench" });
    const service = new BenchService(house, { id, key: String(key), port });
    await service.becomes(({ status, ready_replicas: ready }) => status === "running" && ready > 0);
    return service;
  }
}

export class BenchService {
  readonly #house: House;
  readonly #at: { id: string; key: string; port: number };

  constructor(house: House, at: { id: string; key: string; port: number }) {
    this.#house = house;
    this.#at = at;
  }

  get #path(): string {
    return `/inference-services/${this.#at.id}`;
  }

  /** Where the clients of a load ask. */
  get requested(): Pick<LoadOptions, "ports" | "host" | "prefix" | "key"> {
    const { id, key, port } = this.#at;
    return { ports: [port], host: `localhost:${port}`, prefix: `/services/${id}`, key };
  }

  async request(path: string, signal?: AbortSignal): Promise<Response> {
    const { id, key, port } = this.#at;
    const headers = { Authorization: `Bearer ${key}` };
    return await fetch(`http://localhost:${port}/services/${id}${path}`, {
      headers,
      ...(signal !== undefined && { signal }),
    });
  }

  async upgrade(version: string): Promise<void> {
    await this.#house.customer.post(`${this.#path}/upgrade`, { version });
  }

  async delete(): Promise<void> {
    await this.#house.customer.delete(this.#path);
  }

  async becomes(wanted: (visible: View) => boolean): Promise<void> {
    const deadline = performance.now() + WITHIN_MS;
    let visible: View;
    do {
      visible = Service.parse(await this.#house.customer.get(this.#path));
      if (wanted(visible)) return;
      await delay(POLL_MS);
    } while (performance.now() < deadline);
    throw new Error(`the service is still ${JSON.stringify(visible)}`);
  }
}
