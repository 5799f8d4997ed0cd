/**
 * One bridge per workspace on this host, taken with its first container and removed with its last. Containers of
 * one workspace reach each other and the outside; not other workspaces, not the host. Making a bridge takes the runtime
 * longer than all else of a start but the start itself, so one is kept ready. Which workspace a bridge is of stands on its
 * containers, and one that has served a workspace serves no other.
 */
import { createHash, randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import type { HostId } from "@remotegpu/shared/ids";
import { BRIDGE_LABEL, LABEL } from "../../core/container/container.ts";
import { QUICK_MS, WORK_MS } from "../docker/docker.ts";
import type { Docker } from "../docker/docker.ts";
import { protectFrom, unprotectFrom, type BridgeServices } from "./firewall.ts";
import { isStatus, RuntimeError } from "../docker/runtime-error.ts";
import { freeSubnet } from "./subnets.ts";

/** Another agent of this machine can take the same subnet at the same moment. */
const SUBNET_TRIES = 8;
const NAME_BYTES = 6;

const NetworkList = z.array(
  z.object({
    Name: z.string(),
    Labels: z.record(z.string(), z.string()).nullish(),
    IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string().optional() })).nullish() }).nullish(),
  }),
);
type NetworkList = z.infer<typeof NetworkList>;

export class Networks {
  readonly #docker: Docker;
  readonly #hostId: HostId;
  readonly #services: () => Promise<BridgeServices>;
  #turn: Promise<unknown> = Promise.resolve();
  /** A bridge that was made for nobody yet; null where none is known. */
  #spare: string | null = null;

  constructor(docker: Docker, hostId: HostId, services: () => Promise<BridgeServices>) {
    this.#docker = docker;
    this.#hostId = hostId;
    this.#services = services;
  }

  /** The runtime's name for the network that a workspace's containers are in; null where it has none. */
  async nameOf(network: string): Promise<string | null> {
    return (await this.#bridges()).get(network) ?? null;
  }

  /** The next workspace's first container finds a bridge ready. */
  get hasSpare(): boolean {
    return this.#spare !== null;
  }

  /**
   * Finds the workspace's bridge, takes the spare one or makes one, puts its rules in place and runs `work` with its name
   * before anybody can take it away as unused: what `work` creates is its next user, and must carry its name as a label.
   * It must start nothing: the rules are sure only afterwards.
   * @throws RuntimeError, RuntimeDown
   */
  use<T>(network: string, work: (networkName: string) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const [existing, bridges] = await Promise.all([this.#all(), this.#bridges()]);
      const ready = [bridges.get(network), this.#spare].find((name) =>
        existing.some(({ Name }) => Name === name),
      );
      const name = ready ?? this.#newName();
      // From here on it may have a user, whatever comes of it.
      if (name === this.#spare) this.#spare = null;
      // All at once, since somebody waits for it: rules name a bridge, whether it is there or not. What the runtime does
      // begins first, since beginning a program of the host holds up everything here for a moment.
      const making = ready === undefined ? this.#create(name, existing) : null;
      const atOnce = making === null ? work(name) : null;
      const protecting = setImmediate().then(() => this.#protect(name));
      const working = atOnce ?? Promise.all([making, protecting]).then(() => work(name));
      // The turn does not end before all have, however they end.
      await Promise.allSettled([protecting, making, working]);
      await protecting;
      return working;
    });
  }

  /** Makes a bridge for the next workspace unless one is ready, and removes what an earlier life left of such. */
  keepSpare(): Promise<void> {
    return this.#inTurn(async () => {
      const existing = await this.#all();
      if (existing.some(({ Name }) => Name === this.#spare)) return;
      this.#spare = null;
      await this.#removeUnused(existing);
      const name = this.#newName();
      await Promise.all([this.#create(name, existing), this.#protect(name)]);
      this.#spare = name;
    });
  }

  /** Puts back rules that somebody flushed; for every network of ours. */
  repair(): Promise<void> {
    return this.#inTurn(async () => {
      for (const { Name } of await this.#own()) await this.#protect(Name);
    });
  }

  /** Removes bridges, with their rules, to which no container of ours, running or not, belongs. */
  removeUnused(): Promise<void> {
    return this.#inTurn(async () => this.#removeUnused(await this.#all()));
  }

  /** All of this host id, for cleaning up; their containers must be gone. */
  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      this.#spare = null;
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

  #newName(): string {
    return `rg-${this.#hostId}-${randomBytes(NAME_BYTES).toString("hex")}`;
  }

  /** Of each workspace that has containers here, whatever their state. */
  async #bridges(): Promise<Map<string, string>> {
    const label = [`${LABEL.host}=${this.#hostId}`];
    const containers = await this.#docker.call(
      "list containers by network",
      { deadlineMs: QUICK_MS },
      (client, abortSignal) =>
        client.listContainers({ all: true, filters: JSON.stringify({ label }), abortSignal }),
    );
    const bridges = new Map<string, string>();
    for (const { Labels: labels } of containers) {
      const network = labels[LABEL.network];
      if (network !== undefined)
        bridges.set(network, labels[BRIDGE_LABEL] ?? nameOfBefore(this.#hostId, network));
    }
    return bridges;
  }

  async #removeUnused(existing: NetworkList): Promise<void> {
    const used = new Set((await this.#bridges()).values());
    for (const { Name } of existing.filter((found) => this.#isOwn(found)))
      if (Name !== this.#spare && !used.has(Name)) await this.#remove(Name);
  }

  async #create(name: string, existing: NetworkList): Promise<void> {
    const taken = existing.flatMap((found) => subnetsOf(found));
    for (let tries = 1; ; tries += 1) {
      const subnet = freeSubnet(taken);
      if (subnet === null) throw new RuntimeError(`cannot make network ${name}: 10.210.0.0/16 is used up`);
      try {
        await this.#createWith({ name, subnet });
        return;
      } catch (error) {
        if (isStatus(error, 409)) return;
        if (!isSubnetTaken(error) || tries >= SUBNET_TRIES) throw error;
        taken.push(subnet);
      }
    }
  }

  async #createWith({ name, subnet }: { name: string; subnet: string }): Promise<void> {
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
          Labels: { [LABEL.host]: this.#hostId },
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

  async #own(): Promise<NetworkList> {
    return (await this.#all()).filter((found) => this.#isOwn(found));
  }

  #isOwn({ Labels: labels }: NetworkList[number]): boolean {
    return labels?.[LABEL.host] === this.#hostId;
  }

  async #all(): Promise<NetworkList> {
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

/** What a container without the label is in: agents of before named a bridge by its workspace. */
function nameOfBefore(hostId: HostId, network: string): string {
  return `rg-${hostId}-${network}`;
}

/** At most 15 characters, as the kernel allows, and different for each host id. */
export function bridgeName(networkName: string): string {
  return `rg${createHash("sha256").update(networkName).digest("hex").slice(0, 12)}`;
}

function subnetsOf(network: NetworkList[number]): string[] {
  return (network.IPAM?.Config ?? []).map((config) => config.Subnet).filter((subnet) => subnet !== undefined);
}
