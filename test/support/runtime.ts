/** A runtime of its own for a test: own host id, state folder and pool, all gone afterwards. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostId } from "@remotegpu/shared/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance";
import { Runtime } from "@remotegpu/agent/runtime/runtime";
import type { GpuFacts } from "@remotegpu/agent/runtime/runtime";
import type { ExecResult } from "@remotegpu/agent/runtime/exec";
import { installToolbox } from "@remotegpu/agent/runtime/toolbox";
import { importBusyboxImage, newHostId, removeLabelled } from "./docker.ts";

const NO_GPUS: GpuFacts = { mode: null, devices: [] };

export class RuntimeUnderTest {
  readonly hostId: HostId;
  readonly stateDir: string;
  readonly poolRoot: string;
  readonly runtime: Runtime;
  wakes = 0;

  private constructor(hostId: HostId, stateDir: string, toolboxPath: string, socketPath?: string) {
    this.hostId = hostId;
    this.stateDir = stateDir;
    this.poolRoot = join(stateDir, "pool");
    this.runtime = new Runtime({
      hostId,
      ...(socketPath !== undefined && { socketPath }),
      poolRoot: this.poolRoot,
      toolboxPath,
      wake: () => {
        this.wakes += 1;
      },
      onEventsBroken: () => undefined,
    });
  }

  /** On the machine's runtime; `socketPath` names another, which must have the image. */
  static async begin({ socketPath }: { socketPath?: string } = {}): Promise<RuntimeUnderTest> {
    if (socketPath === undefined) await importBusyboxImage();
    const stateDir = await mkdtemp(join(tmpdir(), "rg-runtime-"));
    await mkdir(join(stateDir, "pool"));
    return new RuntimeUnderTest(newHostId(), stateDir, await installToolbox(stateDir), socketPath);
  }

  async end(): Promise<void> {
    await this.runtime.removeEverything();
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
    const ready = await this.readiness(desired, gpus);
    if (ready.kind !== "ready") throw new Error(`not ready: ${ready.detail}`);
    return this.runtime.create(desired, ready);
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
  if (result.kind === "refused") throw new Error(result.detail);
  return result.stdout.toString() + result.stderr.toString();
}
