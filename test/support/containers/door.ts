/**
 * A container that is entered by SSH as the product's are: made by the agent's own rules, with the toolbox and a live
 * folder; and OpenSSH's client, whose connection begins inside the container's network, where sshd listens.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import type { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { containerOptions, type ContainerOptions } from "@remotegpu/agent/core/container/container-spec";
import { liveFiles, type SshDoor } from "@remotegpu/agent/core/ssh/live-files";
import { Containers } from "@remotegpu/agent/runtime/containers";
import { Docker } from "@remotegpu/agent/runtime/docker/docker";
import { makeLiveFolder, writeLiveFolder } from "@remotegpu/agent/toolbox/live-folder";
import { installToolbox } from "@remotegpu/agent/toolbox/toolbox";
import { desiredOf } from "../samples/desired-instance.ts";
import { eventually } from "../eventually.ts";
import { docker, newHostId } from "./docker.ts";

const HOST_ALIAS = "door";
const SSHD_PORT = 2022;
const CLIENT_MS = 20_000;
let begun = 0;

type Client = "ssh" | "scp" | "sftp";
type Given = { input?: string | Uint8Array; env?: Record<string, string> };
/** Outputs byte by byte, as Latin-1. */
type Message = { stdout: string; stderr: string; exitCode: number | undefined };
type ClientKey = { path: string; line: string };

type Changes = {
  spec?: Partial<InstanceSpec>;
  /** False: a container as those of today, which nobody enters. */
  isEntered?: boolean;
  /** False: nobody waits until sshd answers. */
  isOpenAtOnce?: boolean;
  adapt?: (options: ContainerOptions) => ContainerOptions;
};

/** A toolbox and clients' keys for a whole file of tests. */
export class Doorway {
  readonly folder: string;
  readonly toolboxPath: string;
  readonly #doors: Door[] = [];
  readonly #keys = new Map<string, Promise<ClientKey>>();

  private constructor(folder: string, toolboxPath: string) {
    this.folder = folder;
    this.toolboxPath = toolboxPath;
  }

  static async open(): Promise<Doorway> {
    const folder = await mkdtemp(join(tmpdir(), "rg-door-"));
    return new Doorway(folder, await installToolbox(folder));
  }

  /** A container that runs; sshd in it as soon as `door.let` was called, which happens here unless it is not entered. */
  async begin({
    spec = {},
    isEntered = true,
    isOpenAtOnce = true,
    adapt = (options) => options,
  }: Changes = {}): Promise<Door> {
    const name = `door-${(begun += 1)}`;
    const desired = desiredOf(name, { cpuMilli: 2_000, ...spec });
    const livePath = await makeLiveFolder(this.folder, desired.runId);
    const hostId = newHostId();
    const made = containerOptions(desired, {
      hostId,
      networkName: "none",
      toolboxPath: this.toolboxPath,
      ...(isEntered && { livePath }),
      folders: [],
      attachment: { mode: "none" },
      hasLayerQuota: false,
      hasLocalLog: false,
    });
    const containers = new Containers(new Docker(), hostId);
    const containerId = await containers.create({
      ...adapt(made),
      NetworkingConfig: { EndpointsConfig: {} },
    });
    const door = new Door(this, { name, containerId, livePath });
    this.#doors.push(door);
    await door.start();
    if (isEntered) {
      await door.let();
      if (isOpenAtOnce) await door.isOpen();
    }
    return door;
  }

  /** A client's key by its owner's name, made when it is first asked for. */
  clientKey(name: string): Promise<ClientKey> {
    const key = this.#keys.get(name) ?? this.#newKey(name);
    this.#keys.set(name, key);
    return key;
  }

  async close(): Promise<void> {
    for (const { containerId } of this.#doors)
      await docker.getContainer(containerId).remove({ force: true, v: true });
    await rm(this.folder, { recursive: true, force: true });
  }

  async #newKey(name: string): Promise<ClientKey> {
    const path = join(this.folder, `id-${name}`);
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", `${name}"\n`, "-f", path]);
    return { path, line: await readFile(`${path}.pub`, "utf8") };
  }
}

export class Door {
  readonly containerId: string;
  readonly livePath: string;
  /** The owner's. */
  config = "";
  pid = 0;
  readonly #name: string;
  readonly #route: Doorway;
  readonly #hostKey: KeyObject = generateKeyPairSync("ed25519").privateKey;

  constructor(
    route: Doorway,
    { name, containerId, livePath }: { name: string; containerId: string; livePath: string },
  ) {
    this.#route = route;
    this.#name = name;
    this.containerId = containerId;
    this.livePath = livePath;
  }

  /** The container's first process begins, again too. */
  async start(): Promise<void> {
    const container = docker.getContainer(this.containerId);
    await container.start();
    this.pid = (await container.inspect()).State.Pid;
    this.config = await this.configOf("owner");
  }

  /** What a client reads who has the key of this name. */
  async configOf(key: string): Promise<string> {
    const { path } = await this.#route.clientKey(key);
    const known = join(this.#route.folder, `${this.#name}.known`);
    await writeFile(known, `${HOST_ALIAS} ${this.hostKeyLine}\n`);
    const lines = [
      `Host ${HOST_ALIAS}`,
      `ProxyCommand nsenter --net=/proc/${this.pid}/ns/net /usr/bin/busybox nc 127.0.0.1 %p`,
      `Port ${SSHD_PORT}`,
      "User root",
      `IdentityFile ${path}`,
      "IdentitiesOnly yes",
      `UserKnownHostsFile ${known}`,
      "StrictHostKeyChecking yes",
      "LogLevel ERROR",
    ];
    const config = join(this.#route.folder, `${this.#name}.${key}.config`);
    await writeFile(config, lines.join("\n"));
    return config;
  }

  /** As the agent says it: who may enter from now on. By default the owner's key. */
  async let(changes: Partial<SshDoor> = {}): Promise<void> {
    const { line } = await this.#route.clientKey("owner");
    const hostKeyPem = this.#hostKey.export({ type: "pkcs8", format: "pem" }).toString();
    const home = (await this.beganWith()).get("HOME") ?? "/";
    const door = { keys: [{ id: "owner", line }], hostKeyPem, passwordHash: null, home, ...changes };
    await writeLiveFolder(this.livePath, liveFiles(door).files);
  }

  /** Resolves when sshd shows its banner. */
  async isOpen(port = SSHD_PORT): Promise<string> {
    const check = async () => {
      const net = `--net=/proc/${this.pid}/ns/net`;
      const args = [net, "/usr/bin/busybox", "nc", "-w", "1", "127.0.0.1", String(port)];
      const { stdout } = await execa("nsenter", args, { reject: false, stdin: "ignore" });
      return stdout.startsWith("SSH-2.0-") && stdout;
    };
    return eventually(check, { what: `a banner on port ${port}` });
  }

  /** Runs a command of the container's, as a client. Never rejects for its exit code. */
  ssh(command: string | readonly string[], given: Given = {}): Promise<Message> {
    return this.client("ssh", typeof command === "string" ? [HOST_ALIAS, command] : command, given);
  }

  /** One of OpenSSH's clients; the container is called `door`. */
  async client(
    program: Client,
    words: readonly string[],
    { input = "", env = {} }: Given = {},
  ): Promise<Message> {
    const options = { input, env, timeout: CLIENT_MS, reject: false, encoding: "latin1" } as const;
    const { stdout, stderr, exitCode } = await execa(program, this.#words(words), options);
    return { stdout, stderr, exitCode };
  }

  /** One that runs until it is ended, and goes with its test at the latest. */
  session(words: readonly string[], program: Client = "ssh", env: Record<string, string> = {}): Session {
    const options = { env: { ...process.env, ...env } };
    return new Session(
      spawn(program, this.#words(words), { ...options, stdio: ["pipe", "pipe", "inherit"] }),
    );
  }

  #words(words: readonly string[]): string[] {
    return words[0] === "-F" ? [...words] : ["-F", this.config, ...words];
  }

  /** The environment of the first process, as the host sees it. */
  async beganWith(): Promise<Map<string, string>> {
    return variablesOf(await readFile(`/proc/${this.pid}/environ`, "utf8"));
  }

  /** Command lines of all that runs in the container, by process. */
  async processes(): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    for (const pid of await this.#pids()) {
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (line !== "") found.set(pid, line.replaceAll("\0", " ").trim());
    }
    return found;
  }

  /** The process whose command line has this in it. */
  async processOf(part: string): Promise<number | undefined> {
    for (const [pid, line] of await this.processes()) if (line.includes(part)) return pid;
    return undefined;
  }

  async #pids(): Promise<number[]> {
    const pids: number[] = [];
    for (const name of await readdir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const group = await readFile(`/proc/${name}/cgroup`, "utf8").catch(() => "");
      if (group.includes(this.containerId)) pids.push(Number(name));
    }
    return pids;
  }

  /** Type and body of its server's key. */
  get hostKeyLine(): string {
    const { x = "" } = createPublicKey(this.#hostKey).export({ format: "jwk" });
    const type = Buffer.from("ssh-ed25519");
    const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
    return `ssh-ed25519 ${Buffer.concat([field(type), field(Buffer.from(x, "base64url"))]).toString("base64")}`;
  }
}

/** A client that runs, and what it has said. */
export class Session {
  readonly #client: ChildProcess;
  readonly ended: Promise<unknown>;
  output = "";

  constructor(client: ChildProcess) {
    this.#client = client;
    this.ended = once(client, "close");
    client.stdout?.on("data", (chunk: Buffer) => (this.output += String(chunk)));
    onTestFinished(() => void client.kill("SIGKILL"));
  }

  prints(what: RegExp): Promise<boolean> {
    return eventually(() => what.test(this.output), { what: `${what} in ${this.output}` });
  }

  writes(text: string): void {
    this.#client.stdin?.write(text);
  }

  /** No more input; resolves with all that was said. */
  async end(text = ""): Promise<string> {
    this.#client.stdin?.end(text);
    await this.ended;
    return this.output;
  }

  kill(): void {
    this.#client.kill("SIGKILL");
  }
}

/** As in /proc/PID/environ. */
export function variablesOf(environ: string): Map<string, string> {
  const lines = environ.split("\0").filter((line) => line !== "");
  return new Map(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}
