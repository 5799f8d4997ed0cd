/**
 * What a cloud has beside its machines, as far as one bridge of this machine goes: a network of its own with the addresses by
 * which metadata is served, and a public one to compare with. Only what comes from that bridge is led there, so this
 * machine's own metadata, where it has any, stays as it is.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { execa } from "execa";
import { ownedName } from "./owned-name.ts";

const SERVICE = new URL("../../fixtures/contained-service.ts", import.meta.url).pathname;
/** Of documentation (RFC 5737): nobody's, and public as far as rules go. */
const PUBLIC = "203.0.113.77";
const METADATA = ["169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192"] as const;
export const CLOUD_PORT = 80;
/** Of benchmarks (RFC 2544). */
const [HERE, THERE] = ["198.18.77.1", "198.18.77.2"];
const TABLE = "4711";
/** "loose": where one answers from is nobody's business here. */
const LOOSE = "2";

export class CloudBeside {
  readonly publicAddress = PUBLIC;
  readonly metadataAddresses = METADATA;
  readonly #bridge: string;
  readonly #name = ownedName("cloud");
  #service: ChildProcess | null = null;

  private constructor(bridge: string) {
    this.#bridge = bridge;
  }

  /** @param bridge whose containers see it */
  static async begin(bridge: string): Promise<CloudBeside> {
    const cloud = new CloudBeside(bridge);
    try {
      await cloud.#lay();
      await cloud.#serve();
    } catch (error) {
      await cloud.end();
      throw error;
    }
    return cloud;
  }

  async end(): Promise<void> {
    this.#service?.kill("SIGKILL");
    await execa("ip", ["rule", "delete", ...this.#rule], { reject: false });
    // Its end here goes with it, and the routes with that.
    await execa("ip", ["netns", "delete", this.#name], { reject: false });
  }

  get #rule(): string[] {
    return ["iif", this.#bridge, "lookup", TABLE];
  }

  async #lay(): Promise<void> {
    const name = this.#name;
    await ip("netns", "add", name);
    await ip("link", "add", name, "type", "veth", "peer", "name", "there", "netns", name);
    await ip("address", "add", `${HERE}/30`, "dev", name);
    await ip("link", "set", name, "up");
    await writeFile(`/proc/sys/net/ipv4/conf/${name}/rp_filter`, LOOSE);
    await ip("-netns", name, "address", "add", `${THERE}/30`, "dev", "there");
    for (const device of ["lo", "there"]) await ip("-netns", name, "link", "set", device, "up");
    for (const address of [PUBLIC, ...METADATA]) {
      await ip("-netns", name, "address", "add", `${address}/32`, "dev", "lo");
      await ip("route", "add", `${address}/32`, "via", THERE, "dev", name, "table", TABLE);
    }
    await ip("rule", "add", ...this.#rule);
  }

  async #serve(): Promise<void> {
    const words = ["netns", "exec", this.#name, process.execPath, SERVICE, String(CLOUD_PORT), "0.0.0.0"];
    const service = spawn("ip", words, { stdio: ["ignore", "pipe", "inherit"] });
    this.#service = service;
    await once(service.stdout, "data");
  }
}

async function ip(...words: string[]): Promise<void> {
  await execa("ip", words);
}
