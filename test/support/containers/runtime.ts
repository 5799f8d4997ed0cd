/** A runtime of its own for a test: own host id, state folder and pool, all gone afterwards. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { ContainerGroups } from "@remotegpu/agent/host/processes/container-groups";
import { KERNEL_LOG } from "@remotegpu/agent/host/kernel-log";
import { MemoryKills } from "@remotegpu/agent/host/memory-kills";
import { Runtime } from "@remotegpu/agent/runtime/runtime";
import type { GpuFacts } from "@remotegpu/agent/runtime/runtime";
import type { ExecResult } from "@remotegpu/agent/runtime/output/exec";
import { installToolbox } from "@remotegpu/agent/toolbox/toolbox";
import { importBusyboxImage, newHostId, removeLabelled } from "./docker.ts";
import { quietLog } from "../quiet-log.ts";

const NO_GPUS: GpuFacts = { mode: null, devices: [], nodes: new Map() };

export class RuntimeUnderTest {
  readonly hostId: HostId;
  readonly stateDir: string;
  readonly poolRoot: string;
  readonly runtime: Runtime;
  wakes = 0;
  readonly #memoryKills: MemoryKills;
  readonly #make: () => Runtime;

  private constructor(
    hostId: HostId,
    {
      stateDir,
      toolboxPath,
      socketPath,
      kernelLogPath,
    }: { stateDir: string; toolboxPath: string; socketPath: string | undefined; kernelLogPath: string },
  ) {
    this.hostId = hostId;
    this.stateDir = stateDir;
    this.poolRoot = join(stateDir, "pool");
    this.#memoryKills = new MemoryKills(kernelLogPath, quietLog);
    this.#make = () => this.#runtimeWith({ toolboxPath, socketPath });
    this.runtime = this.#make();
  }

  /** As a new life of the agent has it, which knows nothing of the one before. */
  restarted(): Runtime {
    return this.#make();
  }

  #runtimeWith({
    toolboxPath,
    socketPath,
  }: {
    toolboxPath: string;
    socketPath: string | undefined;
  }): Runtime {
    return new Runtime({
      hostId: this.hostId,
      processes: new ContainerGroups(),
      ...(socketPath !== undefined && { socketPath }),
      poolRoot: this.poolRoot,
      toolboxPath,
      memoryKills: this.#memoryKills,
      wake: () => {
        this.wakes += 1;
      },
      onEventsBroken: () => undefined,
    });
  }

  /** On the machine's runtime and kernel log; `socketPath` names another runtime, which must have the image. */
  static async begin({
    socketPath,
    kernelLogPath = KERNEL_LOG,
  }: { socketPath?: string; kernelLogPath?: string } = {}): Promise<RuntimeUnderTest> {
    if (socketPath === undefined) await importBusyboxImage();
    const stateDir = await mkdtemp(join(tmpdir(), "rg-runtime-"));
    await mkdir(join(stateDir, "pool"));
    const toolboxPath = await installToolbox(stateDir);
    return new RuntimeUnderTest(newHostId(), { stateDir, toolboxPath, socketPath, kernelLogPath });
  }

  async end(): Promise<void> {
    await this.runtime.removeEverything();
    await this.#memoryKills.close();
    await removeLabelled(this.hostId);
    await rm(this.stateDir, { recursive: true, force: true });
  }

  /** All the steps of a start; fails when the runtime is not ready for it. */
  async launch(desired: DesiredInstance, gpus: GpuFacts = NO_GPUS): Promise<string> {
    const containerId = await this.create(desired, gpus);
    await this.runtime.start(containerId, desired.spec);
    return containerId;
  }

  async create(desired: DesiredInstance, gpus: GpuFacts = NO_GPUS): Promise<string> {
    return this.runtime.create(desired, await this.ready(desired, gpus));
  }

  /** As a start needs it; fails when the runtime is not ready for it, or the image is not here. */
  async ready(desired: DesiredInstance, gpus: GpuFacts = NO_GPUS) {
    const ready = await this.readiness(desired, gpus);
    if (ready.kind !== "ready") throw new Error(`not ready: ${ready.detail}`);
    const imageId = await this.runtime.images.idOf(desired.spec.image);
    if (imageId === null) throw new Error(`image ${desired.spec.image} is not here`);
    return { ...ready, imageId };
  }

  readiness(desired: DesiredInstance, gpus: GpuFacts = NO_GPUS) {
    return this.runtime.readiness(desired, gpus);
  }

  /** Both outputs of a script that a shell in the container runs. */
  async sh(containerId: string, script: string): Promise<string> {
    const argv: [string, ...string[]] = ["/bin/sh", "-c", script];
    return textOf(await this.runtime.exec({ containerId, argv, stdin: null, timeoutSeconds: 20 }));
  }

  async statusOf(containerId: string) {
    return (await this.runtime.inspect(containerId))?.status;
  }
}

export function textOf(result: ExecResult): string {
  if (result.kind === "refused") throw new Error(result.why.code);
  return result.stdout.toString() + result.stderr.toString();
}
