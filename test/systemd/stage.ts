/** What a story plays on: a network of its own, its machines, and this repository as it lies here, laid into them. */
import { execa } from "execa";
import { ensureDebianImage } from "./debian-image.ts";
import { Machine, type CgroupVersion } from "./machine.ts";

const INSTALL_MS = 600_000;
const REPOSITORY = new URL("../..", import.meta.url).pathname;

export class Stage {
  readonly #image: string;
  readonly network: string;
  readonly #machines: Machine[] = [];

  private constructor(image: string, network: string) {
    this.#image = image;
    this.network = network;
  }

  static async open(): Promise<Stage> {
    const image = await ensureDebianImage();
    const network = `remotegpu-proof-${process.pid}`;
    await execa("docker", ["network", "create", network]);
    return new Stage(image, network);
  }

  /** A bare machine with the packages named, installed as a person would. */
  async machine(
    name: string,
    packages: string[] = [],
    { cgroup, codename }: { cgroup?: CgroupVersion; codename?: string } = {},
  ): Promise<Machine> {
    const image = codename === undefined ? this.#image : await ensureDebianImage(codename);
    const machine = await Machine.boot({ name, image, network: this.network, cgroup });
    this.#machines.push(machine);
    if (packages.length > 0) {
      const install = "DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends";
      await machine.run(`apt-get update -qq && ${install} ${packages.join(" ")}`, { withinMs: INSTALL_MS });
    }
    return machine;
  }

  async close(): Promise<void> {
    for (const machine of this.#machines) await machine.close();
    await execa("docker", ["network", "rm", this.network], { reject: false });
  }
}

/** The repository's own files with the changes not yet committed, and none of what is installed or built here. */
export async function bringRepository(machine: Machine, to: string): Promise<void> {
  const listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
  const { stdout } = await execa("git", listed, { cwd: REPOSITORY });
  const { stdout: gone } = await execa("git", ["ls-files", "-z", "--deleted"], { cwd: REPOSITORY });
  const deleted = new Set(gone.split("\0"));
  const files = stdout.split("\0").filter((file) => !deleted.has(file));
  await machine.bring(files, { from: REPOSITORY, to });
}
