/**
 * Up to three real nats-servers of one fleet on loopback, as the product configures them, each of which can be killed
 * and started again, alone or as one of the cluster.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderNatsConfig } from "@remotegpu/control-plane/server/link/servers/nats-config";
import { openOperator, type Operator } from "@remotegpu/control-plane/server/link/servers/operator";
import { eventually } from "../eventually.ts";
import { freePorts } from "./free-ports.ts";

const ADDRESS = "127.0.0.1";
const NAMES = ["nats-1", "nats-2", "nats-3"] as const;
export type ServerName = (typeof NAMES)[number];

type Ports = ReadonlyMap<ServerName, { client: number; cluster: number }>;

export class NatsCluster {
  readonly folder: string;
  readonly operator: Operator;
  readonly #ports: Ports;
  readonly #running = new Map<ServerName, ChildProcess>();

  private constructor(folder: string, operator: Operator, ports: Ports) {
    this.folder = folder;
    this.operator = operator;
    this.#ports = ports;
  }

  /** Nothing runs yet. The folder has the keys of the fleet, as a state folder of a control plane has. */
  static async make(): Promise<NatsCluster> {
    const folder = mkdtempSync(join(tmpdir(), "remotegpu-nats-cluster-"));
    const ports = new Map<ServerName, { client: number; cluster: number }>();
    const first = await freePorts(2 * NAMES.length);
    NAMES.forEach((name, at) => ports.set(name, { client: first + 2 * at, cluster: first + 2 * at + 1 }));
    return new NatsCluster(folder, await openOperator(join(folder, "operator.json")), ports);
  }

  get urls(): string[] {
    return [...this.#ports.values()].map(({ client }) => `nats://${ADDRESS}:${client}`);
  }

  get running(): ServerName[] {
    return [...this.#running.keys()];
  }

  async start(names: readonly ServerName[] = NAMES, { isAlone = false } = {}): Promise<void> {
    for (const name of names) this.#spawn(name, isAlone);
    for (const name of names) {
      await eventually(() => greets(this.#portsOf(name).client), { what: `${name} listening` });
      // One that answers may be another's, and ours have ended since its port was taken.
      if (this.#running.get(name)?.exitCode !== null)
        throw new Error(
          `${name} ended: ${readFileSync(join(this.folder, `${name}.log`), "utf8").slice(-500)}`,
        );
    }
  }

  /** SIGKILL, as when its machine loses power. */
  async kill(...names: ServerName[]): Promise<void> {
    for (const name of names) {
      const child = this.#running.get(name);
      if (child === undefined) throw new Error(`${name} does not run`);
      this.#running.delete(name);
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }

  /** As a machine that hangs: its connections stay open, and nothing answers. */
  freeze(name: ServerName): void {
    this.#running.get(name)?.kill("SIGSTOP");
  }

  thaw(name: ServerName): void {
    this.#running.get(name)?.kill("SIGCONT");
  }

  /** As on a machine that never ran it. */
  wipe(name: ServerName): void {
    rmSync(join(this.folder, name), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.kill(...this.running);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #spawn(name: ServerName, isAlone: boolean): void {
    const { client, cluster } = this.#portsOf(name);
    const storeDir = join(this.folder, name);
    mkdirSync(storeDir, { recursive: true });
    const routes = [...this.#ports.values()].map((ports) => `nats://${ADDRESS}:${ports.cluster}`);
    const file = join(this.folder, `${name}.conf`);
    const text = renderNatsConfig(this.operator, {
      listen: { address: ADDRESS, port: client },
      storeDir,
      serverName: name,
      tls: null,
      cluster: isAlone ? undefined : { listen: { address: ADDRESS, port: cluster }, routes, caFile: null },
    });
    writeFileSync(file, text, { mode: 0o600 });
    const output = openSync(join(this.folder, `${name}.log`), "a");
    const child = spawn("/usr/sbin/nats-server", ["-c", file], { stdio: ["ignore", output, output] });
    closeSync(output);
    this.#running.set(name, child);
  }

  #portsOf(name: ServerName): { client: number; cluster: number } {
    const ports = this.#ports.get(name);
    if (ports === undefined) throw new Error(`there is no ${name}`);
    return ports;
  }
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: ADDRESS, port });
    socket.once("data", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("data", () => socket.destroy());
  });
}
