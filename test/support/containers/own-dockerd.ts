/**
 * A container runtime of a test's own, to be stopped, restarted and set otherwise: in a network namespace, so that it
 * leaves the machine's own bridge and rules alone, and with all that it keeps in a throwaway folder.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import Dockerode from "dockerode";
import { execa } from "execa";
import { BUSYBOX_IMAGE } from "../samples/desired-instance.ts";
import { importBusyboxImage } from "./docker.ts";
import { eventually } from "../eventually.ts";
import { ownedName } from "./owned-name.ts";

const START_MS = 60_000;
const STOP_MS = 30_000;

export class OwnDockerd {
  readonly socketPath: string;
  readonly client: Dockerode;
  /** Of networks. */
  readonly namespace: string;
  readonly #folder: string;
  readonly #storageDriver: string;
  #process: ChildProcess | null = null;

  private constructor(folder: string, storageDriver: string) {
    this.#folder = folder;
    this.#storageDriver = storageDriver;
    this.namespace = basename(folder);
    this.socketPath = join(folder, "docker.sock");
    this.client = new Dockerode({ socketPath: this.socketPath });
  }

  /** @param storageDriver vfs works wherever the machine's temporary files lie */
  static async start({
    storageDriver = "vfs",
    ...settings
  }: {
    liveRestore: boolean;
    storageDriver?: string;
  }): Promise<OwnDockerd> {
    await importBusyboxImage();
    const runtime = new OwnDockerd(await mkdtemp(join(tmpdir(), ownedName("runtime"))), storageDriver);
    await execa("ip", ["netns", "add", runtime.namespace]);
    try {
      await runtime.#write(settings);
      await runtime.#run();
      await runtime.bring(BUSYBOX_IMAGE);
    } catch (error) {
      await runtime.close();
      throw error;
    }
    return runtime;
  }

  /** An image of the machine's own runtime. */
  async bring(image: string): Promise<void> {
    const file = join(this.#folder, "image.tar");
    await execa("docker", ["save", "--output", file, image]);
    await execa("docker", ["--host", `unix://${this.socketPath}`, "load", "--input", file]);
    await rm(file);
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error("the runtime does not run");
    return pid;
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    process.kill(this.pid, signal);
  }

  /** As `systemctl reload docker` does it. */
  async reload(settings: { liveRestore: boolean }): Promise<void> {
    await this.#write(settings);
    process.kill(this.pid, "SIGHUP");
    await eventually(async () => (await this.client.info()).LiveRestoreEnabled === settings.liveRestore, {
      what: "the new setting",
    });
  }

  /** As `systemctl restart docker` does it. */
  async restart(): Promise<void> {
    await this.#end();
    await this.#run();
  }

  /** Ends it and removes what it kept, whatever state it is in. */
  async close(): Promise<void> {
    try {
      this.#process?.kill("SIGCONT");
      for (const { Id } of await this.client.listContainers({ all: true }))
        await this.client.getContainer(Id).remove({ force: true, v: true });
    } finally {
      await this.#end();
      await execa("ip", ["netns", "delete", this.namespace]);
      // It mounts the folder of its data on itself.
      for (const name of ["exec", "data"])
        await execa("umount", ["--recursive", join(this.#folder, name)], { reject: false });
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  async #write({ liveRestore }: { liveRestore: boolean }): Promise<void> {
    const settings = {
      "live-restore": liveRestore,
      "storage-driver": this.#storageDriver,
      "data-root": join(this.#folder, "data"),
      "exec-root": join(this.#folder, "exec"),
      pidfile: join(this.#folder, "pid"),
      hosts: [`unix://${this.socketPath}`],
    };
    await writeFile(join(this.#folder, "daemon.json"), JSON.stringify(settings));
  }

  async #run(): Promise<void> {
    const command = ["dockerd", "--config-file", join(this.#folder, "daemon.json")];
    // `ip netns exec` would hide the control groups.
    this.#process = spawn("nsenter", [`--net=/run/netns/${this.namespace}`, ...command], {
      stdio: "ignore",
      detached: true,
    });
    await eventually(async () => (await this.client.ping()) !== undefined, {
      withinMs: START_MS,
      what: "a runtime of the test's own",
    });
  }

  async #end(): Promise<void> {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    child.kill("SIGTERM");
    await once(child, "exit");
    clearTimeout(timer);
  }
}
