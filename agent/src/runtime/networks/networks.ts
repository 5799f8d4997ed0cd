/**
 * One bridge per workspace on this host, made with its first container and removed with its last. Containers of
 * one workspace reach each other and the outside; not other workspaces, not the host.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { HostId } from "@remotegpu/shared/ids";
import { LABEL } from "../../core/container/container.ts";
import { QUICK_MS, WORK_MS } from "../docker/docker.ts";
import type { Docker } from "../docker/docker.ts";
import { protectFrom, unprotectFrom, type BridgeServices } from "./firewall.ts";
import { isStatus, RuntimeError } from "../docker/runtime-error.ts";
import { freeSubnet } from "./subnets.ts";

/** Another agent of this machine can take the same subnet at the same moment. */
const SUBNET_TRIES = 8;

const NetworkList = z.array(
  z.object({
    Name: z.string(),
    Labels: z.record(z.string(), z.string()).nullish(),
    IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string().optional() })).nullish() }).nullish(),
  }),
);

export class Networks {
  readonly #docker: Docker;
  readonly #hostId: HostId;
  readonly #services: () => Promise<BridgeServices>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(docker: Docker, hostId: HostId, services: () => Promise<BridgeServices>) {
    this.#docker = docker;
    this.#hostId = hostId;
    this.#services = services;
  }

  /** The runtime's name for a workspace's network. */
  nameOf(network: string): string {
    return `rg-${this.#hostId}-${network}`;
  }

  /**
   * Makes the bridge and its rules unless they are there, and runs `work` with its name before anybody can take it
   * away as unused: what `work` creates is its next user. It must start nothing: its rules are sure only afterwards.
   * @throws RuntimeError, RuntimeDown
   */
  use<T>(network: string, work: (networkName: string) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const name = this.nameOf(network);
      const existing = await this.#all();
      const isThere = existing.some((found) => found.Name === name);
      // All at once, since somebody waits for it: rules name a bridge, whether it is there or not.
      const protecting = this.#protect(name);
      const making = isThere ? null : this.#create(network, existing);
      const working = making === null ? work(name) : Promise.all([making, protecting]).then(() => work(name));
      // The turn does not end before all have, however they end.
      await Promise.allSettled([protecting, making, working]);
      await protecting;
      return working;
    });
  }

  /** Puts back rules that somebody flushed; for every network of ours. */
  repair(): Promise<void> {
    return this.#inTurn(async () => {
      for (const { Name } of await this.#own()) await this.#protect(Name);
    });
  }

  /** Removes the bridge and its rules when no container of ours, running or not, belongs to it. */
  removeIfUnused(network: string): Promise<void> {
    return this.#inTurn(async () => {
      const label = [`${LABEL.host}=${this.#hostId}`, `${LABEL.network}=${network}`];
      const users = await this.#docker.call(
        "list a network's containers",
        { deadlineMs: QUICK_MS },
        (client, abortSignal) =>
          client.listContainers({ all: true, filters: JSON.stringify({ label }), abortSignal }),
      );
      if (users.length === 0) await this.#remove(this.nameOf(network));
    });
  }

  /** All of this host id, for cleaning up; their containers must be gone. */
  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      for (const { Name } of await this.#own()) await this.#remove(Name);
    });
  }

  /** One at a time, each with its own deadlines. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #protect(name: string): Promise<void> {
    await protectFrom(bridgeName(name), await this.#services());
  }

  async #create(network: string, existing: z.infer<typeof NetworkList>): Promise<void> {
    const name = this.nameOf(network);
    const taken = existing.flatMap((found) => subnetsOf(found));
    for (let tries = 1; ; tries += 1) {
      const subnet = freeSubnet(taken);
      if (subnet === null) throw new RuntimeError(`cannot make network ${name}: 10.210.0.0/16 is used up`);
      try {
        await this.#createWith({ name, network, subnet });
        return;
      } catch (error) {
        if (isStatus(error, 409)) return;
        if (!isSubnetTaken(error) || tries >= SUBNET_TRIES) throw error;
        taken.push(subnet);
      }
    }
  }

  async #createWith({
    name,
    network,
    subnet,
  }: {
    name: string;
    network: string;
    subnet: string;
  }): Promise<void> {
    await this.#docker.call(
      `make network ${name}`,
      { deadlineMs: WORK_MS, kind: "create network" },
      (client, abortSignal) =>
        client.createNetwork({
          Name: name,
          Driver: "bridge",
          EnableIPv6: false,
          IPAM: { Driver: "default", Config: [{ Subnet: subnet }] },
          Options: { "com.docker.network.bridge.name": bridgeName(name) },
          Labels: { [LABEL.host]: this.#hostId, [LABEL.network]: network },
          abortSignal,
        }),
    );
  }

  async #remove(name: string): Promise<void> {
    try {
      await this.#docker.call(`remove network ${name}`, { deadlineMs: WORK_MS }, (client, abortSignal) =>
        client.getNetwork(name).remove({ abortSignal }),
      );
    } catch (error) {
      // 404: gone already. 403: somebody attached a container of theirs; the bridge stays, and so do its rules.
      if (isStatus(error, 403)) return;
      if (!isStatus(error, 404)) throw error;
    }
    await unprotectFrom(bridgeName(name));
  }

  async #own(): Promise<z.infer<typeof NetworkList>> {
    return (await this.#all()).filter((found) => found.Labels?.[LABEL.host] === this.#hostId);
  }

  async #all(): Promise<z.infer<typeof NetworkList>> {
    const raw: unknown = await this.#docker.call(
      "list networks",
      { deadlineMs: QUICK_MS },
      (client, abortSignal) => client.listNetworks({ abortSignal }),
    );
    return NetworkList.parse(raw);
  }
}

/** Docker refuses such a subnet with 403; Podman has the same status for every refusal, and says it in words. */
function isSubnetTaken(error: unknown): boolean {
  return isStatus(error, 403) || (isStatus(error, 500) && /subnet .* is already used/.test(String(error)));
}

/** At most 15 characters, as the kernel allows, and different for each host id. */
export function bridgeName(networkName: string): string {
  return `rg${createHash("sha256").update(networkName).digest("hex").slice(0, 12)}`;
}

function subnetsOf(network: z.infer<typeof NetworkList>[number]): string[] {
  return (network.IPAM?.Config ?? []).map((config) => config.Subnet).filter((subnet) => subnet !== undefined);
}
