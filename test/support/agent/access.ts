/**
 * An access process on a state folder of its own, as the product runs it, with a test in the agent's place; and
 * containers with services that it leads to.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InstanceId, RunId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { ObservedLease } from "@remotegpu/shared/instance/lease";
import { ControlClient } from "@remotegpu/agent/access/control/control-client";
import { accessSocket } from "@remotegpu/agent/config/config";
import type {
  AccessList,
  AccessMessage,
  ReachableInstance,
} from "@remotegpu/agent/access/control/control-messages";
import { readProcessLife } from "@remotegpu/agent/host/processes/process-liveness";
import { docker, importBusyboxImage } from "../containers/docker.ts";
import { eventually } from "../eventually.ts";
import { ACCESS, Program } from "../programs/program.ts";
import { quietLog } from "../quiet-log.ts";

const SERVICE = new URL("../../fixtures/contained-service.ts", import.meta.url).pathname;
/**
 * Away from what the product itself may hold on this machine, and from each other: of one that is started anew nobody may
 * have taken a number meanwhile.
 */
const FIRST_PORT = 12_000 + (process.pid % 40) * 120;
const PORTS_EACH = 20;
let begun = 0;
const LABEL = "remotegpu-test-access";

function nextPorts(): string {
  const first = FIRST_PORT + begun * PORTS_EACH;
  begun += 1;
  return `${first}-${first + PORTS_EACH - 1}`;
}

type List = Partial<Omit<AccessList, "kind" | "serial">>;

export class AccessUnderTest {
  readonly folder: string;
  readonly program: Program;
  messages: AccessMessage | null = null;
  #client: ControlClient;
  #serial = 0;

  private constructor(folder: string, settings: Record<string, string>, script: string) {
    this.folder = folder;
    this.program = new Program(
      script,
      {
        REMOTEGPU_STATE_DIR: folder,
        REMOTEGPU_EXIT_WITH_STDIN: "1",
        REMOTEGPU_LEASE_PORTS: nextPorts(),
        REMOTEGPU_LEASE_ADDRESS: "127.0.0.1",
        REMOTEGPU_GATEWAY_PORT: "0",
        ...settings,
      },
      join(folder, "access.log"),
    );
    this.#client = this.#newClient();
  }

  /**
   * @param folder an agent's state folder; without one, a folder of its own
   * @param script another one than this checkout's
   */
  static async begin(
    settings: Record<string, string> = {},
    { folder, script = ACCESS }: { folder?: string; script?: string } = {},
  ): Promise<AccessUnderTest> {
    const stateDir = folder ?? (await mkdtemp(join(tmpdir(), "rg-access-")));
    const access = new AccessUnderTest(stateDir, settings, script);
    try {
      await access.start();
    } catch (error) {
      await access.end();
      throw error;
    }
    return access;
  }

  async start(): Promise<void> {
    this.program.start();
    this.connectAgent();
    await eventually(() => this.#client.isConnected, {
      what: `the control socket; the access process said: ${this.program.output()}`,
    });
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    this.leaveAgent();
    await this.program.stop();
  }

  async kill(): Promise<void> {
    this.leaveAgent();
    await this.program.kill();
  }

  /** Sets its wall clock forward by five minutes, where it is the fixture that has one of its own. */
  setForward(): void {
    process.kill(this.program.pid ?? 0, "SIGUSR2");
  }

  /** The agent dies: nobody says anything any more. */
  leaveAgent(): void {
    this.#client.close();
  }

  connectAgent(): void {
    this.#client = this.#newClient();
    this.#client.start();
  }

  /** Says the whole list, as the agent does, and waits for the answer to it. */
  async print({
    term = 1,
    generation = 1,
    bundle = null,
    leases = [],
    instances = null,
    gateway = null,
    gateways = [],
    keySets = [],
    cuts = [],
    taken = [],
  }: List): Promise<AccessMessage> {
    const serial = (this.#serial += 1);
    await eventually(() => this.#client.isConnected, { what: "the control socket" });
    this.#client.send({
      kind: "list",
      serial,
      term,
      generation,
      bundle,
      leases: [...leases],
      instances,
      gateway,
      gateways,
      keySets,
      cuts,
      taken,
    });
    return eventually(() => (this.messages?.serial === serial ? this.messages : undefined), {
      what: "an answer",
    });
  }

  /** Waits until the lease is told to be so. */
  async reported(leaseId: string, what: Partial<ObservedLease>, withinMs = 15_000): Promise<ObservedLease> {
    let last: ObservedLease | undefined;
    const isSo = () => {
      last = this.messages?.leases.find((lease) => lease.leaseId === leaseId);
      const output = Object.entries(last ?? {});
      return (
        Object.entries(what).every(([key, value]) => output.some(([k, v]) => k === key && v === value)) &&
        last
      );
    };
    try {
      return await eventually(isSo, { withinMs });
    } catch (cause) {
      throw new Error(`${leaseId} is not ${JSON.stringify(what)} but ${JSON.stringify(last)}`, { cause });
    }
  }

  /** The number of a lease that is held. */
  async portOf(leaseId: string): Promise<number> {
    return (await this.reported(leaseId, { state: "held" })).externalPort ?? 0;
  }

  /** The unprivileged child. */
  get relayPid(): number {
    const relay = readdirSync("/proc")
      .map(Number)
      .find((pid) => pid > 0 && /access.relay/.test(commandOf(pid)) && parentOf(pid) === this.program.pid);
    if (relay === undefined) throw new Error("there is no relay");
    return relay;
  }

  async end(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  #newClient(): ControlClient {
    return new ControlClient({
      path: accessSocket(this.folder),
      onConnected: () => undefined,
      onMessage: (messages) => void (this.messages = messages),
      log: quietLog,
    });
  }
}

/** A container that only sleeps; what serves in its network is started there by hand. */
export class ContainerUnderTest {
  readonly containerId: string;
  readonly instance: ReachableInstance;
  readonly address: string;
  readonly #services: ChildProcess[] = [];
  /** What services printed, a line each. */
  readonly heard: string[] = [];

  readonly #ports: Record<number, number>;

  private constructor(
    containerId: string,
    instance: ReachableInstance,
    { address, ports }: { address: string; ports: Record<number, number> },
  ) {
    this.containerId = containerId;
    this.instance = instance;
    this.address = address;
    this.#ports = ports;
  }

  static async begin(
    workloadId = "env-1",
    {
      command = ["/bin/sleep", "3600"],
      published = [],
    }: {
      command?: string[];
      /** Ports that the runtime leads to as well, through a proxy of its own. */
      published?: number[];
    } = {},
  ): Promise<ContainerUnderTest> {
    const container = await docker.createContainer({
      Image: await importBusyboxImage(),
      Cmd: command,
      Labels: { [LABEL]: "1" },
      ExposedPorts: Object.fromEntries(published.map((port) => [`${port}/tcp`, {}])),
      HostConfig: {
        Init: true,
        PortBindings: Object.fromEntries(
          published.map((port) => [`${port}/tcp`, [{ HostIp: "127.0.0.1", HostPort: "" }]]),
        ),
      },
    });
    await container.start();
    const { State, NetworkSettings } = await container.inspect();
    const life = await readProcessLife(State.Pid);
    if (!life.alive) {
      await container.remove({ force: true });
      throw new Error("the container has ended");
    }
    return new ContainerUnderTest(
      container.id,
      {
        workloadId: workloadId as WorkloadId,
        instanceId: `ins-of-${workloadId}` as InstanceId,
        runId: `run-of-${workloadId}` as RunId,
        openTo: null,
        pid: State.Pid,
        startTicks: life.startTicks,
      },
      {
        address: NetworkSettings.Networks["bridge"]?.IPAddress ?? "",
        ports: Object.fromEntries(
          published.map((port) => [port, Number(NetworkSettings.Ports[`${port}/tcp`]?.[0]?.HostPort ?? 0)]),
        ),
      },
    );
  }

  /** Where the runtime's proxy listens on loopback for a port. */
  publishedAt(port: number): number {
    return this.#ports[port] ?? 0;
  }

  /** Resolves when it listens in the container's network. */
  async serve(port: number, address = "127.0.0.1"): Promise<void> {
    const at = { pid: this.instance.pid, port, address };
    this.#services.push(await serveIn(at, (line) => this.heard.push(line)));
  }

  /** Another of the fixtures, which prints "listening" once it does. */
  async serveFixture(script: string, port: number): Promise<ChildProcess> {
    const service = await serveIn({ pid: this.instance.pid, port, script });
    this.#services.push(service);
    return service;
  }

  get servicePids(): (number | undefined)[] {
    return this.#services.map(({ pid }) => pid);
  }

  /** Whatever serves in it; resolves once it is gone. */
  async endServices(): Promise<void> {
    const ending = this.#services
      .splice(0)
      .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    await Promise.all(
      ending.map(async (service) => {
        const over = once(service, "exit");
        service.kill("SIGKILL");
        await over;
      }),
    );
  }

  async end(): Promise<void> {
    await this.endServices();
    await docker.getContainer(this.containerId).remove({ force: true });
  }
}

/** A service in the network of a process. Resolves when it listens. */
export async function serveIn(
  {
    pid,
    port,
    address = "127.0.0.1",
    script = SERVICE,
  }: { pid: number; port: number; address?: string; script?: string },
  onLine: (line: string) => void = () => undefined,
): Promise<ChildProcess> {
  const args = ["-t", String(pid), "-n", process.execPath, script, String(port), address];
  const service = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  await new Promise<void>((resolve, reject) => {
    service.once("exit", () => reject(new Error(`the service on port ${port} ended by itself`)));
    service.stdout.on("data", (chunk: Buffer) => {
      text += String(chunk);
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      lines.forEach(onLine);
      if (lines.includes("listening")) resolve();
    });
  });
  return service;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It has just ended.
    return "";
  }
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    // It has just ended.
    return 0;
  }
}
