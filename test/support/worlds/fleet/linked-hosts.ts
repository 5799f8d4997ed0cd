/**
 * Machines on one line, as far as networks go: each a namespace with a container runtime of its own, all on one bridge on
 * which this machine has an address, too. The bridge is in a namespace as well: this machine's rules, which may hold back
 * whatever its own bridges pass on, are neither asked nor changed.
 */
import { execa } from "execa";
import { OwnDockerd } from "../../containers/own-dockerd.ts";
import { ownedName } from "../../containers/owned-name.ts";

let made = 0;

export interface LinkedHost {
  runtime: OwnDockerd;
  /** On the line. */
  address: string;
}

export class LinkedHosts {
  readonly #bridge: string;
  readonly #net: string;
  readonly hosts: LinkedHost[] = [];

  private constructor(number: number) {
    this.#bridge = ownedName("line") + number;
    this.#net = `10.19${number % 8}.${process.pid % 250}`;
  }

  static async begin({ count }: { count: number }): Promise<LinkedHosts> {
    made += 1;
    const linked = new LinkedHosts(made);
    try {
      await linked.#lay();
      // All of them are there, or have failed, before what there is is ended.
      const added = await Promise.allSettled(
        Array.from({ length: count }, (_, number) => linked.#add(number)),
      );
      for (const one of added) if (one.status === "rejected") throw one.reason;
    } catch (error) {
      await linked.end();
      throw error;
    }
    return linked;
  }

  /** Of this machine, as the hosts see it. */
  get outside(): string {
    return `${this.#net}.1`;
  }

  /** Nothing comes from the one to the other any more. */
  async cut(from: number, to: number): Promise<void> {
    await this.#rule("-I", from, to);
  }

  async mend(from: number, to: number): Promise<void> {
    await this.#rule("-D", from, to);
  }

  /** With a namespace goes its end of the line. */
  async end(): Promise<void> {
    const ended = await Promise.allSettled(this.hosts.map(({ runtime }) => runtime.close()));
    await execa("ip", ["netns", "delete", this.#bridge], { reject: false });
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  }

  /** The line itself, with this machine on it. */
  async #lay(): Promise<void> {
    const here = `${this.#bridge}o`;
    await ip("netns", "add", this.#bridge);
    await ip("-netns", this.#bridge, "link", "add", this.#bridge, "type", "bridge");
    await ip("-netns", this.#bridge, "link", "set", this.#bridge, "up");
    await this.#plugIn([here], 0);
    await ip("address", "add", `${this.outside}/24`, "dev", here);
    await ip("link", "set", here, "up");
  }

  /** @param device that is to be on the line, with where it is */
  async #plugIn(device: readonly string[], number: number): Promise<void> {
    const plug = `plug${number}`;
    await ip("link", "add", ...device, "type", "veth", "peer", "name", plug, "netns", this.#bridge);
    await ip("-netns", this.#bridge, "link", "set", plug, "master", this.#bridge, "up");
  }

  async #add(number: number): Promise<void> {
    const runtime = await OwnDockerd.start({ liveRestore: true, storageDriver: "overlay2" });
    const address = `${this.#net}.${number + 2}`;
    this.hosts[number] = { runtime, address };
    await this.#plugIn(["line0", "netns", runtime.namespace], number + 1);
    for (const words of [
      ["address", "add", `${address}/24`, "dev", "line0"],
      ["link", "set", "line0", "up"],
      ["link", "set", "lo", "up"],
      ["route", "add", "default", "via", this.outside],
    ])
      await ip("-netns", runtime.namespace, ...words);
  }

  async #rule(verb: "-I" | "-D", from: number, to: number): Promise<void> {
    const [source, target] = [this.hosts[from], this.hosts[to]];
    if (source === undefined || target === undefined) throw new Error(`there is no host ${from} or ${to}`);
    // Before all rules of the host itself.
    const rule = ["iptables", "-t", "raw", verb, "PREROUTING", "-s", source.address, "-j", "DROP"];
    await execa("nsenter", [`--net=/run/netns/${target.runtime.namespace}`, ...rule]);
  }
}

function ip(...words: string[]) {
  return execa("ip", words);
}
