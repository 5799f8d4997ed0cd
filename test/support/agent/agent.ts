/** A whole agent inside the test's process, as `run` starts it, with a clock that the test can set forward. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BootId, HostId, JournalId } from "@remotegpu/shared/values/ids";
import { startAgent, type StartedAgent } from "@remotegpu/agent/assembly/agent-assembly";
import { clean } from "@remotegpu/agent/commands/clean";
import { credentialFile, ownPoolFolder, readConfig, type Config } from "@remotegpu/agent/config/config";
import { monotonicMs, readBootId } from "@remotegpu/agent/host/clock";
import { ServiceNotifier } from "@remotegpu/agent/host/notify";
import { openJournal, type Journal } from "@remotegpu/agent/journal/journal";
import { saveCredential } from "@remotegpu/agent/link/credential";
import { importBusyboxImage, newHostId, removeLabelled } from "../containers/docker.ts";
import { EmptyAccess } from "./empty-access.ts";
import { BALLAST_BYTES } from "../samples/journal-samples.ts";
import { memoryLog, type MemoryLog } from "../memory-log.ts";
import type { ScriptedControlPlane, ScriptedHost } from "./scripted-control-plane.ts";

/** Where nothing listens: the API that renews credentials, and NATS for an agent that is cut off. */
const NOWHERE = "127.0.0.1:9";

/** Whoever makes hosts known, and answers them. */
type Admitting = Pick<ScriptedControlPlane, "admit">;

/** What lives while an agent runs. */
type Running = StartedAgent & { journal: Journal };

export class AgentUnderTest {
  readonly hostId: HostId;
  readonly host: ScriptedHost;
  readonly stateDir: string;
  readonly poolRoot: string;
  readonly log: MemoryLog = memoryLog();
  /** Asked at the next start, as is what follows. */
  reapsOrphans = false;
  /** How long one look by nvidia-smi may take. */
  checkWithinMs: number | undefined;
  readonly #controlPlane: Admitting;
  /** As an operator would set them. */
  readonly #settings: Record<string, string>;
  /** Null where a real one runs on the state folder. */
  readonly #access: EmptyAccess | null;
  #aheadMs = 0;
  #bootId: BootId | null = null;
  #running: Running | null = null;

  private constructor(
    host: ScriptedHost,
    controlPlane: Admitting,
    {
      stateDir,
      settings,
      access,
    }: { stateDir: string; settings: Record<string, string>; access: EmptyAccess | null },
  ) {
    this.hostId = host.hostId;
    this.host = host;
    this.stateDir = stateDir;
    this.poolRoot = ownPoolFolder(stateDir);
    this.#controlPlane = controlPlane;
    this.#settings = settings;
    this.#access = access;
  }

  static async begin(
    controlPlane: Admitting,
    options: {
      socketPath?: string;
      simulatedGpus?: number;
      stateDir?: string;
      /** More settings, as an operator would make them. */
      settings?: Record<string, string>;
      /** An access process runs on the state folder; without one, something answers that holds no lease. */
      hasAccess?: boolean;
      /** Else the machine's, which are everybody's, are left alone. */
      raisesLimits?: boolean;
    } = {},
  ): Promise<AgentUnderTest> {
    await importBusyboxImage();
    const { host } = await controlPlane.admit(newHostId());
    const { socketPath, simulatedGpus = 0, hasAccess = false, raisesLimits = false } = options;
    const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), "rg-agent-")));
    const agent = new AgentUnderTest(host, controlPlane, {
      stateDir,
      settings: {
        REMOTEGPU_STATE_DIR: stateDir,
        REMOTEGPU_SIMULATED_GPUS: String(simulatedGpus),
        REMOTEGPU_NVIDIA_SMI: "/nonexistent/nvidia-smi",
        REMOTEGPU_METRICS_LISTEN: "off",
        // Many tests set the clock forward by hours.
        REMOTEGPU_CANARY: "0",
        REMOTEGPU_RAISE_LIMITS: raisesLimits ? "1" : "0",
        ...(socketPath !== undefined && { REMOTEGPU_RUNTIME_SOCKET: socketPath }),
        ...options.settings,
      },
      access: hasAccess ? null : await EmptyAccess.open(stateDir),
    });
    await agent.start();
    return agent;
  }

  get journal(): Journal {
    return this.#now().journal;
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
    const { key, grant } = (await this.#controlPlane.admit(this.hostId)).credential;
    const credential = {
      apiUrl: `http://${NOWHERE}`,
      grant: isCutOff ? { ...grant, nats_urls: [`nats://${NOWHERE}`] } : grant,
      receivedAtMs: Date.now(),
    };
    saveCredential(credentialFile(this.stateDir), credential);
    const journal = openJournal({
      folder: this.stateDir,
      newJournalId: () => randomUUID() as JournalId,
      ballastBytes: BALLAST_BYTES,
    });
    const clock = {
      bootId: this.#bootId ?? (await readBootId()),
      monotonicMs: () => this.nowMs,
      wallMs: () => Date.now() + this.#aheadMs,
    };
    const config = this.#config();
    const setting = { config, credential, key, clock, journal, notifier, log: this.log };
    const { checkWithinMs } = this;
    const started = await startAgent({
      ...setting,
      ...(checkWithinMs !== undefined && { checkWithinMs }),
    });
    this.#running = { ...started, journal };
  }

  /** Ends the agent in order; containers go on. */
  async stop(): Promise<void> {
    const { end, journal } = this.#now();
    this.#running = null;
    await end();
    journal.close();
  }

  /** Takes everything of this host away. */
  async end({ leavesFolder = false }: { leavesFolder?: boolean } = {}): Promise<void> {
    const isRunning = this.#running !== null;
    if (isRunning) {
      await this.stop();
      await clean(this.#config(), () => undefined);
    }
    await this.#access?.close();
    await removeLabelled(this.hostId);
    if (!leavesFolder) await rm(this.stateDir, { recursive: true, force: true });
  }

  #config(): Config {
    return readConfig({ ...this.#settings, REMOTEGPU_REAP_ORPHANS: this.reapsOrphans ? "1" : "0" });
  }

  #now(): Running {
    if (this.#running === null) throw new Error("the agent does not run");
    return this.#running;
  }
}
