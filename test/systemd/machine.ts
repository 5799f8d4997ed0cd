/**
 * One machine of a story: a privileged container with systemd as its first process, its own network address and its
 * own Docker. It shares the kernel and its clock with this machine, and nothing else.
 */
import { randomUUID } from "node:crypto";
import { execa } from "execa";
import { eventually } from "../support/eventually.ts";

const COMMAND_MS = 300_000;
const BOOT_MS = 60_000;
const BROUGHT_BYTES = 256 * 2 ** 20;

/** Version 2 alone judges devices as on a machine of its own; processor and memory stay with the trees of this machine. */
export type CgroupVersion = 1 | 2;
const BOOT_WITH_VERSION_TWO = "mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec /usr/local/sbin/boot";

/** Who does it, and in which folder; `withinMs` bounds a command that ends by itself. */
export interface Where {
  user?: string | undefined;
  folder?: string | undefined;
  withinMs?: number;
}

export interface Done {
  exitCode: number;
  /** Standard output and standard error together. */
  output: string;
}

export class Machine {
  readonly name: string;
  readonly #container: string;

  private constructor(name: string, container: string) {
    this.name = name;
    this.#container = container;
  }

  /** Machines of one network know each other by name. */
  static async boot({
    name,
    image,
    network,
    cgroup,
  }: {
    name: string;
    image: string;
    network: string;
    cgroup?: CgroupVersion | undefined;
  }): Promise<Machine> {
    const container = `${network}-${name}`;
    await execa("docker", [
      "run",
      "--detach",
      `--name=${container}`,
      `--hostname=${name}`,
      `--network=${network}`,
      `--network-alias=${name}`,
      "--privileged",
      "--cgroupns=private",
      "--tmpfs=/run:exec",
      "--tmpfs=/run/lock",
      "--tmpfs=/tmp:exec",
      // Docker's storage does not stack on itself.
      "--volume=/var/lib/docker",
      image,
      ...(cgroup === 2 ? ["sh", "-c", BOOT_WITH_VERSION_TWO] : []),
    ]);
    const machine = new Machine(name, container);
    await machine.#isUp();
    return machine;
  }

  /** Runs a line of shell as a person with a fresh login would, and returns however it ended. */
  async report(command: string, { user, folder, withinMs = COMMAND_MS }: Where = {}): Promise<Done> {
    const bounded = ["timeout", String(withinMs / 1000), "sh", "-c", command];
    const { exitCode, all } = await execa("docker", [...this.#exec({ user, folder }), ...bounded], {
      reject: false,
      all: true,
    });
    return { exitCode: exitCode ?? -1, output: all };
  }

  /** Starts what runs until it is interrupted, as in a terminal: `said` is its output so far. */
  async launch(command: string, where: Where = {}) {
    const log = `/tmp/${randomUUID()}`;
    const line = `echo $$ >${log}.pid; exec ${command} >${log} 2>&1`;
    await execa("docker", [...this.#exec(where, "--detach"), "sh", "-c", line]);
    return {
      output: () => this.run(`cat ${log}`),
      isAlive: async () => (await this.report(`kill -0 $(cat ${log}.pid)`)).exitCode === 0,
      /** Ctrl-C reaches every process of the terminal's group. */
      interrupt: () => this.run(`kill -INT -$(cat ${log}.pid)`),
    };
  }

  /** Lays files of this machine into a folder there. */
  async bring(files: string[], { from, to }: { from: string; to: string }): Promise<void> {
    await this.run(`mkdir -p ${to}`);
    await execa("tar", ["--create", `--directory=${from}`, "--null", "--files-from=-"], {
      input: files.join("\0"),
      encoding: "buffer",
      maxBuffer: BROUGHT_BYTES,
    }).pipe("docker", [...this.#exec({}, "--interactive"), "tar", "--extract", `--directory=${to}`]);
  }

  /** As `tell`, for what has to go well. @throws Error with all that it said */
  async run(command: string, where: Where = {}): Promise<string> {
    const { exitCode, output } = await this.report(command, where);
    if (exitCode !== 0) throw new Error(`${this.name}: ${command}\nended with ${exitCode}:\n${output}`);
    return output.trim();
  }

  /** Ends every process in order and starts anew; files stay, what was under /run and /tmp is gone. */
  async reboot(): Promise<void> {
    await this.report("systemctl reboot");
    await execa("docker", ["wait", this.#container], { timeout: BOOT_MS });
    await execa("docker", ["start", this.#container]);
    await this.#isUp();
  }

  async close(): Promise<void> {
    await execa("docker", ["rm", "--force", "--volumes", this.#container], { reject: false });
  }

  #exec({ user = "root", folder = "/" }: Where, ...options: string[]): string[] {
    const home = user === "root" ? "/root" : `/home/${user}`;
    const where = [`--user=${user}`, `--workdir=${folder}`, `--env=HOME=${home}`];
    return ["exec", ...options, ...where, this.#container];
  }

  async #isUp(): Promise<void> {
    await eventually(
      async () => (await this.report("systemctl is-system-running")).output.trim() === "running",
      {
        withinMs: BOOT_MS,
        what: `${this.name} booted`,
      },
    );
  }
}
