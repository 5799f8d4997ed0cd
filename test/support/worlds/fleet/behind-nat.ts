/**
 * A network as behind a router that lets nobody in: a namespace with a line to this machine, whose own firewall drops
 * whatever was not asked for from inside. Of this machine it changes no rule.
 */
import { execa } from "execa";
import { AccessUnderTest } from "../../agent/access.ts";
import { ownedName } from "../../containers/owned-name.ts";
import { ACCESS, IN_NAMESPACE } from "../../programs/program.ts";

let made = 0;

export class BehindNat {
  readonly #name: string;
  /** Of this machine, as seen from inside. */
  readonly outside: string;
  readonly inside: string;

  private constructor(number: number) {
    this.#name = ownedName("nat") + number;
    const net = `10.21${3 + (number % 4)}.${process.pid % 250}`;
    this.outside = `${net}.${((process.pid >> 8) % 60) * 4 + 1}`;
    this.inside = `${net}.${((process.pid >> 8) % 60) * 4 + 2}`;
  }

  static async begin(): Promise<BehindNat> {
    made += 1;
    const nat = new BehindNat(made);
    await execa("ip", ["netns", "add", nat.#name]);
    try {
      await nat.#connect();
    } catch (error) {
      await nat.end();
      throw error;
    }
    return nat;
  }

  /** What starts an access process in there, and what it has to be told beside its other settings. */
  get accessScript(): { script: string; settings: Record<string, string> } {
    const settings = { TEST_NETWORK: this.#name, TEST_PROGRAM: ACCESS, REMOTEGPU_LEASE_ADDRESS: "" };
    return { script: IN_NAMESPACE, settings };
  }

  /** An access process in there. */
  beginAccess(): Promise<AccessUnderTest> {
    const { script, settings } = this.accessScript;
    return AccessUnderTest.begin(settings, { script });
  }

  /** From now on it lets in whom it likes. */
  async open(): Promise<void> {
    await this.#inside("iptables", "-P", "INPUT", "ACCEPT");
  }

  /** With it goes its end of the line, and so the line. */
  async end(): Promise<void> {
    await execa("ip", ["netns", "delete", this.#name]);
  }

  async #connect(): Promise<void> {
    const line = this.#name.slice(0, 13);
    const ip = (...args: string[]) => execa("ip", args);
    await ip("link", "add", `${line}o`, "type", "veth", "peer", "name", `${line}i`, "netns", this.#name);
    await ip("address", "add", `${this.outside}/30`, "dev", `${line}o`);
    await ip("link", "set", `${line}o`, "up");
    await this.#inside("ip", "address", "add", `${this.inside}/30`, "dev", `${line}i`);
    await this.#inside("ip", "link", "set", `${line}i`, "up");
    await this.#inside("ip", "link", "set", "lo", "up");
    await this.#inside("ip", "route", "add", "default", "via", this.outside);
    await this.#inside("iptables", "-A", "INPUT", "-i", "lo", "-j", "ACCEPT");
    const known = ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED"];
    await this.#inside("iptables", "-A", "INPUT", ...known, "-j", "ACCEPT");
    await this.#inside("iptables", "-P", "INPUT", "DROP");
  }

  #inside(...command: string[]) {
    return execa("nsenter", [`--net=/run/netns/${this.#name}`, ...command]);
  }
}
