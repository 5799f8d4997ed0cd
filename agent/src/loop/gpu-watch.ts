/**
 * The host's GPUs as the loop sees them: sampled in the background, so that a hung nvidia-smi delays nothing, and
 * told with what the runtime needs to attach them. In doubt no card is called vanished.
 */
import type { GpuUuid, HostId } from "@remotegpu/shared/ids";
import type { GpuReport } from "@remotegpu/shared/host-report";
import type { Log } from "@remotegpu/shared/log";
import { isRunning, type OwnedContainer } from "../core/container.ts";
import { chooseAttachMode } from "../core/gpu-attachment.ts";
import { judgeGpus } from "../core/gpu-health.ts";
import { cdiDevicesOf, readCdiSpecs } from "../host/cdi.ts";
import { NvidiaSmi } from "../host/nvidia-smi.ts";
import { NvidiaSmiError, type NvidiaSmiErrorKind } from "../host/nvidia-smi-error.ts";
import { removeSimulatedCdiSpec, writeSimulatedCdiSpec } from "../host/simulated-cdi.ts";
import { prepareSimulatedGpus, simulatedGpuUuid, updateSimulatedGpus } from "../host/simulated-gpus.ts";
import type { GpuFacts } from "../runtime/runtime.ts";
import type { RuntimeInfo } from "../runtime/runtime-info.ts";

const SAMPLE_EVERY_MS = 10_000;

export type GpuWatchOptions = {
  hostId: HostId;
  stateDir: string;
  nvidiaSmiPath: string;
  /** 0: the host's real cards. */
  simulatedCount: number;
  log: Log;
};

export class GpuWatch {
  readonly #options: GpuWatchOptions;
  #nvidiaSmi: NvidiaSmi;
  #gpus: GpuReport[] = [];
  readonly #everSeen = new Set<GpuUuid>();
  #vanished: ReadonlySet<GpuUuid> = new Set();
  #facts: GpuFacts = { mode: null, devices: [] };
  #trouble: NvidiaSmiErrorKind | null = null;
  #sampledMs = Number.NEGATIVE_INFINITY;
  #isSampling = false;

  constructor(options: GpuWatchOptions) {
    this.#options = options;
    this.#nvidiaSmi = new NvidiaSmi({ path: options.nvidiaSmiPath, simulated: false });
  }

  get gpus(): readonly GpuReport[] {
    return this.#gpus;
  }

  get vanished(): ReadonlySet<GpuUuid> {
    return this.#vanished;
  }

  /** What starts need to attach cards. */
  get facts(): GpuFacts {
    return this.#facts;
  }

  /** What is wrong, as the heartbeat says it. A host that never had a card simply has none. */
  get degraded(): string[] {
    if (this.#trouble === null || (this.#trouble === "missing" && this.#everSeen.size === 0)) return [];
    return [`nvidia-smi-${this.#trouble}`];
  }

  /** Writes what simulated cards need and takes the first sample; bounded by nvidia-smi's own deadline. */
  async prepare(nowMs: number, wallMs: number, runtime: RuntimeInfo | null): Promise<void> {
    const { simulatedCount: count, stateDir, hostId, log } = this.#options;
    if (count === 0) await removeSimulatedCdiSpec(hostId);
    else {
      const files = await prepareSimulatedGpus({ stateDir, hostId, count, nowMs: wallMs });
      const gpus = Array.from({ length: count }, (_, index) => ({
        uuid: simulatedGpuUuid(hostId, index),
        index,
      }));
      await writeSimulatedCdiSpec({ hostId, gpus, files });
      this.#nvidiaSmi = new NvidiaSmi({ path: files.hostExecutable, simulated: true });
      log.warn({ gpus: count }, "this host carries simulated GPUs; they compute nothing");
    }
    await this.#sample(nowMs, runtime);
  }

  /** Takes a sample when one is due and none is being taken; never waits for it. */
  sampleWhenDue(nowMs: number, runtime: RuntimeInfo | null, onChange: () => void): void {
    if (this.#isSampling || nowMs - this.#sampledMs < SAMPLE_EVERY_MS) return;
    void this.#sampleAndTell(nowMs, runtime, onChange);
  }

  async #sampleAndTell(nowMs: number, runtime: RuntimeInfo | null, onChange: () => void): Promise<void> {
    const stable = () => JSON.stringify([this.#gpus.map((gpu) => [gpu.uuid, gpu.health]), this.#trouble]);
    const before = stable();
    await this.#sample(nowMs, runtime);
    if (stable() !== before) onChange();
  }

  /** Simulated cards follow the containers that hold them. */
  async follow(containers: readonly OwnedContainer[], wallMs: number): Promise<void> {
    if (this.#options.simulatedCount === 0) return;
    const inUse = containers.filter(isRunning).flatMap(({ owner, status }) =>
      owner.gpus.map(({ uuid, memoryMib }) => ({
        uuid,
        memoryMib,
        pid: status.state === "running" ? status.pid : 0,
      })),
    );
    await updateSimulatedGpus({ stateDir: this.#options.stateDir, inUse, nowMs: wallMs });
  }

  /** Takes what was written outside the state folder away again. */
  async clean(): Promise<void> {
    await removeSimulatedCdiSpec(this.#options.hostId);
  }

  async #sample(nowMs: number, runtime: RuntimeInfo | null): Promise<void> {
    this.#isSampling = true;
    this.#sampledMs = nowMs;
    try {
      const { gpus } = await this.#nvidiaSmi.inventory();
      this.#gpus = judgeGpus({ current: gpus, previous: this.#gpus }).gpus;
      this.#trouble = null;
      await this.#learnAttachment(runtime);
      const present = new Set(gpus.map((gpu) => gpu.uuid));
      for (const uuid of present) this.#everSeen.add(uuid);
      this.#vanished = new Set([...this.#everSeen].filter((uuid) => !present.has(uuid)));
    } catch (error) {
      if (!(error instanceof NvidiaSmiError)) throw error;
      if (this.#trouble !== error.kind && (error.kind !== "missing" || this.#everSeen.size > 0))
        this.#options.log.warn({ error }, "nvidia-smi does not tell about the GPUs");
      this.#trouble = error.kind;
    } finally {
      this.#isSampling = false;
    }
  }

  async #learnAttachment(runtime: RuntimeInfo | null): Promise<void> {
    const dirs = runtime?.cdiSpecDirs ?? [];
    const { specs, unreadable } = await readCdiSpecs(dirs.length > 0 ? dirs : undefined);
    for (const sentence of unreadable) this.#options.log.warn({}, sentence);
    const devices = cdiDevicesOf(specs, this.#gpus);
    const mode = chooseAttachMode({
      runtime: { hasCdi: dirs.length > 0, hasNvidia: runtime?.hasNvidia ?? false },
      gpus: this.#gpus.map((gpu) => gpu.uuid),
      known: devices,
    });
    this.#facts = { mode, devices };
  }
}
