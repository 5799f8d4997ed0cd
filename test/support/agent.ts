/** A whole agent inside the test's process, put together as `main` does it, with a clock that the test can set forward. */
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BootId, HostId, JournalId } from "@remotegpu/shared/ids";
import { Agent } from "@remotegpu/agent/agent";
import { accessSocket } from "@remotegpu/agent/config";
import { monotonicMs, readBootId } from "@remotegpu/agent/host/clock";
import { KERNEL_LOG } from "@remotegpu/agent/host/kernel-log";
import { readMachineFacts } from "@remotegpu/agent/host/machine-facts";
import { MemoryKills } from "@remotegpu/agent/host/memory-kills";
import { ServiceNotifier } from "@remotegpu/agent/host/notify";
import { readProcessStart } from "@remotegpu/agent/host/process-liveness";
import { removeSimulatedCdiSpec } from "@remotegpu/agent/host/simulated-cdi";
import { openJournal, type Journal } from "@remotegpu/agent/journal/journal";
import { Outbox } from "@remotegpu/agent/journal/outbox";
import { HostConnection } from "@remotegpu/agent/link/connection";
import { ControlPlaneClient } from "@remotegpu/agent/link/control-plane-client";
import { LogSessions } from "@remotegpu/agent/link/log-sessions";
import { orderSubscriptions } from "@remotegpu/agent/link/order-server";
import { AccessLink } from "@remotegpu/agent/loop/access-link";
import { ControlPlaneLink } from "@remotegpu/agent/loop/control-plane-link";
import { GpuWatch } from "@remotegpu/agent/loop/gpu-watch";
import { ImageWatch } from "@remotegpu/agent/loop/image-watch";
import type { Clock } from "@remotegpu/agent/loop/moment";
import { logOpener } from "@remotegpu/agent/loop/log-source";
import { OrphanWatch } from "@remotegpu/agent/loop/orphan-watch";
import { OutputKeeper } from "@remotegpu/agent/loop/output-keeper";
import { RunPerformer } from "@remotegpu/agent/loop/run-performer";
import { RuntimeWatch } from "@remotegpu/agent/loop/runtime-watch";
import { StorageSampling } from "@remotegpu/agent/loop/storage-sampling";
import { KeptOutput } from "@remotegpu/agent/output/kept-output";
import { keptOutputFolder } from "@remotegpu/agent/config";
import { poolBytes } from "@remotegpu/agent/runtime/pool-usage";
import { Runtime } from "@remotegpu/agent/runtime/runtime";
import { installToolbox } from "@remotegpu/agent/runtime/toolbox";
import { importBusyboxImage, newHostId, removeLabelled } from "./docker.ts";
import { BALLAST_BYTES } from "./journal-samples.ts";
import { keptLog, type KeptLog } from "./kept-log.ts";
import type { ScriptedControlPlane, ScriptedHost } from "./scripted-control-plane.ts";

const VERSION = "0.1.0";

/** What lives while an agent runs. */
type Running = {
  agent: Agent;
  journal: Journal;
  runtime: Runtime;
  access: AccessLink | null;
  end: () => Promise<void>;
};

/** For tests that no lease is ordered in: without an access process the host would be degraded. */
const NO_LEASES = { exchange: () => undefined, leases: [], released: [], degraded: [], gatewayPort: null };

export class AgentUnderTest {
  readonly hostId: HostId;
  readonly host: ScriptedHost;
  readonly stateDir: string;
  readonly poolRoot: string;
  readonly log: KeptLog = keptLog();
  /** Asked at the next start. */
  reapsOrphans = false;
  readonly #controlPlane: ScriptedControlPlane;
  readonly #socketPath: string | undefined;
  readonly #simulatedGpus: number;
  readonly #hasAccess: boolean;
  #aheadMs = 0;
  #bootId: BootId | null = null;
  #running: Running | null = null;

  private constructor(
    host: ScriptedHost,
    controlPlane: ScriptedControlPlane,
    {
      stateDir,
      socketPath,
      simulatedGpus,
      hasAccess,
    }: {
      stateDir: string;
      socketPath: string | undefined;
      simulatedGpus: number;
      hasAccess: boolean;
    },
  ) {
    this.hostId = host.hostId;
    this.host = host;
    this.stateDir = stateDir;
    this.poolRoot = join(stateDir, "pool");
    this.#controlPlane = controlPlane;
    this.#socketPath = socketPath;
    this.#simulatedGpus = simulatedGpus;
    this.#hasAccess = hasAccess;
  }

  static async begin(
    controlPlane: ScriptedControlPlane,
    options: {
      socketPath?: string;
      simulatedGpus?: number;
      stateDir?: string;
      /** An access process runs on the state folder. */
      hasAccess?: boolean;
    } = {},
  ): Promise<AgentUnderTest> {
    await importBusyboxImage();
    const { host } = await controlPlane.admit(newHostId());
    const { socketPath, simulatedGpus = 0, hasAccess = false } = options;
    const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), "rg-agent-")));
    await mkdir(join(stateDir, "pool"));
    const agent = new AgentUnderTest(host, controlPlane, {
      stateDir,
      socketPath,
      simulatedGpus,
      hasAccess,
    });
    await agent.start();
    return agent;
  }

  get journal(): Journal {
    return this.#now().journal;
  }

  /** What the agent knows of its access process. */
  get access(): AccessLink {
    const { access } = this.#now();
    if (access === null) throw new Error("this agent was begun without an access process");
    return access;
  }

  /** The host's monotonic clock as the agent reads it. */
  get nowMs(): number {
    return monotonicMs() + this.#aheadMs;
  }

  /** Sets both clocks forward: what is due by then is done at once. */
  setForward(ms: number): void {
    this.#aheadMs += ms;
    this.#running?.agent.wake();
  }

  /** For an agent that does not run: the next one finds itself in another boot, whose clock shows `nowMs`. */
  reboot(nowMs: number): void {
    this.#bootId = randomUUID() as BootId;
    this.#aheadMs = nowMs - monotonicMs();
  }

  /**
   * Starts the agent on its state folder, as after an upgrade or a crash of its process.
   * @param isCutOff no way to the control plane, as long as this agent runs
   * @param notifier plays systemd
   */
  async start({
    isCutOff = false,
    notifier = new ServiceNotifier({ environment: {} }),
  }: { isCutOff?: boolean; notifier?: ServiceNotifier } = {}): Promise<void> {
    const { hostId, stateDir, log, poolRoot } = this;
    const { credential } = await this.#controlPlane.admit(hostId);
    const journal = openJournal({
      folder: stateDir,
      newJournalId: () => randomUUID() as JournalId,
      ballastBytes: BALLAST_BYTES,
    });
    const clock: Clock = {
      bootId: this.#bootId ?? (await readBootId()),
      monotonicMs: () => this.nowMs,
      wallMs: () => Date.now() + this.#aheadMs,
    };
    const wake = () => agent.wake();
    const memoryKills = new MemoryKills(KERNEL_LOG, log);
    const runtime = new Runtime({
      hostId,
      ...(this.#socketPath !== undefined && { socketPath: this.#socketPath }),
      poolRoot,
      toolboxPath: await installToolbox(stateDir),
      processStart: readProcessStart,
      memoryKills,
      wake,
      onEventsBroken: () => undefined,
    });
    const runtimeWatch = new RuntimeWatch(runtime, log);
    const imageWatch = new ImageWatch(runtime, log);
    const gpuWatch = new GpuWatch({
      hostId,
      bootId: clock.bootId,
      stateDir,
      nvidiaSmiPath: "/nonexistent/nvidia-smi",
      simulatedCount: this.#simulatedGpus,
      log,
    });
    await Promise.all([runtimeWatch.learn(clock.monotonicMs()), imageWatch.lookWhenDue(clock.monotonicMs())]);
    if (this.#simulatedGpus > 0)
      await gpuWatch.prepare(clock.monotonicMs(), clock.wallMs(), runtimeWatch.info);
    const kept = new KeptOutput({ folder: keptOutputFolder(stateDir), wallMs: clock.wallMs });
    await kept.open();
    const outputKeeper = new OutputKeeper({ runtime, kept, log });
    const logSessions = new LogSessions({
      hostId,
      publisher: () => connection,
      opener: logOpener({ runtime, kept, runNow: (run) => agent.runNow(run), wallMs: clock.wallMs }),
      log,
    });
    const connection = new HostConnection({
      ...credential,
      subscriptions: orderSubscriptions(
        hostId,
        {
          onNudge: () => link.nudged(),
          exec: (request) => agent.exec(request),
          logs: logSessions.onMessage,
        },
        log,
      ),
      onConnected: () => {
        link.connected();
        wake();
      },
      onRefused: () => undefined,
      log,
    });
    const outbox = new Outbox(journal.rows, (text) => credential.key.sign(text));
    const common = { hostId, clock, journal, version: VERSION, log };
    const link = new ControlPlaneLink({
      ...common,
      connection,
      outbox,
      wake,
      liftCordons: (lifts) => gpuWatch.liftCordons(lifts),
    });
    const access = this.#hasAccess
      ? new AccessLink({
          socketPath: accessSocket(stateDir),
          bundle: null,
          monotonicMs: () => this.nowMs,
          wake,
          log,
        })
      : null;
    const storageSampling = new StorageSampling({
      client: new ControlPlaneClient(connection, hostId),
      isConnected: () => connection.isConnected,
      measure: (paths, bounds) => poolBytes(paths, { ...bounds, poolRoot }),
      monotonicMs: clock.monotonicMs,
      log,
    });
    const agent = new Agent({
      ...common,
      link,
      access: access ?? NO_LEASES,
      gatewayIdentity: () => null,
      runtime,
      runtimeWatch,
      gpuWatch,
      imageWatch,
      orphanWatch: new OrphanWatch({ hostId, journal, isReaping: this.reapsOrphans, log }),
      storagePool: null,
      facts: await readMachineFacts({ diskPath: stateDir }),
      outputKeeper,
      storageSampling,
      performer: new RunPerformer({
        journal,
        runtime,
        output: outputKeeper,
        hasToldEnd: (runId) => link.hasToldEnd(runId),
        gpuFacts: () => gpuWatch.facts,
        wake,
        log,
      }),
      notifier,
    });
    const watching = new AbortController();
    if (!isCutOff) connection.start();
    const watched = runtime.watch(watching.signal);
    access?.start();
    agent.start();
    const end = async () => {
      await logSessions.close();
      await agent.stop();
      storageSampling.close();
      access?.close();
      watching.abort();
      await watched;
      await gpuWatch.close();
      await memoryKills.close();
      await connection.close();
      // An answer that came last is still being written down.
      await link.settled();
      journal.close();
    };
    this.#running = { agent, journal, runtime, access, end };
  }

  /** Ends the agent in order; containers go on. */
  async stop(): Promise<void> {
    const { end } = this.#now();
    this.#running = null;
    await end();
  }

  /** Takes everything of this host away. */
  async end({ leavesFolder = false }: { leavesFolder?: boolean } = {}): Promise<void> {
    const running = this.#running;
    if (running !== null) await this.stop();
    await running?.runtime.removeEverything();
    await removeLabelled(this.hostId);
    await removeSimulatedCdiSpec(this.hostId);
    if (!leavesFolder) await rm(this.stateDir, { recursive: true, force: true });
  }

  #now(): Running {
    if (this.#running === null) throw new Error("the agent does not run");
    return this.#running;
  }
}
