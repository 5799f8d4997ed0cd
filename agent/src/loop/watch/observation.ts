/**
 * Observe: what the loop knows of its host at each moment. The containers are as the runtime last told them, orders
 * and records as the journal has them; both decisions and reports are made from what is laid together here.
 */
import { AssertionError } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import type { Feature } from "@remotegpu/shared/instance/features";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { waitsForGang } from "../../core/container/container-spec.ts";
import {
  isSameRun,
  type Container,
  type OwnedContainer,
  type RunKey,
} from "../../core/container/container.ts";
import { liveContainers } from "../../core/gpus/gpu-processes.ts";
import { desiredImages, type DesiredImage } from "../../core/images/desired-images.ts";
import { ownedContainers, runNow, type Knowledge, type RunNow } from "../../core/runs/run-view.ts";
import type { ContainerGroups } from "../../host/processes/container-groups.ts";
import type { Journal } from "../../journal/journal.ts";
import type { GpuWatch } from "./gpus/gpu-watch.ts";
import { HostKnowledge } from "./host-knowledge.ts";
import type { ImageWatch } from "./image-watch.ts";
import type { ContainersSnapshot, RuntimeWatch } from "./runtime-watch.ts";
import type { VersionWatch } from "./version-watch.ts";

/** How long a round waits for the list of containers, unless a metering tick is due before. */
const RUNTIME_PATIENCE_MS = 2_000;
const LEAST_PATIENCE_MS = 100;
/** How long a round waits for the kernel log, which as a rule takes less than a millisecond. */
const HEARD_WITHIN_MS = 100;

export class Observation {
  readonly #hostId: HostId;
  readonly #journal: Journal;
  readonly #runtimeWatch: RuntimeWatch;
  readonly #gpuWatch: GpuWatch;
  readonly #imageWatch: ImageWatch;
  readonly #versionWatch: Pick<VersionWatch, "readWhenDue">;
  readonly #host: HostKnowledge;
  readonly #wake: () => void;
  readonly #log: Log;
  #containers: readonly Container[] | null = null;
  #hearing: Promise<void> | null = null;
  #hasLeftFleet = false;

  constructor(parts: {
    hostId: HostId;
    journal: Journal;
    runtimeWatch: RuntimeWatch;
    gpuWatch: GpuWatch;
    imageWatch: ImageWatch;
    versionWatch: Pick<VersionWatch, "readWhenDue">;
    groups: Pick<ContainerGroups, "processesOf">;
    /** What this agent does on this host. */
    features: readonly Feature[];
    wake: () => void;
    log: Log;
  }) {
    this.#hostId = parts.hostId;
    this.#journal = parts.journal;
    this.#runtimeWatch = parts.runtimeWatch;
    this.#gpuWatch = parts.gpuWatch;
    this.#imageWatch = parts.imageWatch;
    this.#versionWatch = parts.versionWatch;
    this.#host = new HostKnowledge(parts);
    this.#wake = parts.wake;
    this.#log = parts.log;
  }

  /** As last told; null until the runtime has told once. */
  get containers(): readonly Container[] | null {
    return this.#containers;
  }

  /** Those of the containers as last told that are this host's. */
  get own(): OwnedContainer[] {
    return ownedContainers({ hostId: this.#hostId, observed: this.#containers ?? [] });
  }

  /** Those of them that the runtime can still reach: it would refuse a command in what it has lost. */
  get running(): OwnedContainer[] {
    return this.own.filter(({ status }) => status.state === "running");
  }

  get hasLeftFleet(): boolean {
    return this.#hasLeftFleet;
  }

  /** This host was taken out of the fleet: what it runs is stopped and removed. Told anew after a restart. */
  leaveFleet(): void {
    if (this.#hasLeftFleet) return;
    this.#hasLeftFleet = true;
    this.#log.error({}, "this host has left the fleet; its containers are stopped and removed");
    this.#wake();
  }

  /**
   * With little patience: a slow runtime holds up neither heartbeats nor the tick that is due next.
   * @param mark comes back with the answer to the question that it was asked with
   */
  async check({
    nowMs,
    untilTickMs,
    mark,
  }: {
    nowMs: number;
    untilTickMs: number;
    mark: number;
  }): Promise<ContainersSnapshot> {
    this.#runtimeWatch.learnWhenDue(nowMs);
    void this.#imageWatch.checkWhenDue(nowMs);
    void this.#versionWatch.readWhenDue(nowMs, this.#runtimeWatch.isDown ? null : this.#runtimeWatch.info);
    // What was never seen is worth waiting for: taking over what runs begins with it.
    const patienceMs =
      this.#containers === null
        ? RUNTIME_PATIENCE_MS
        : Math.max(LEAST_PATIENCE_MS, Math.min(RUNTIME_PATIENCE_MS, untilTickMs));
    const check = await this.#runtimeWatch.containers(nowMs, { patienceMs, mark });
    const seen = check.seen === null ? null : this.#host.withLeftBehind(check.seen);
    if (seen !== null) this.#containers = seen;
    await this.#hearOfCards(nowMs);
    // After the list: a card that it shows to be free now is looked at before this round gives it away.
    void this.#gpuWatch
      .checkWhenDue(
        {
          nowMs,
          runtime: this.#runtimeWatch.info,
          containers: this.#containers === null ? null : this.own,
          liveContainers: () => liveContainers(this.own, this.#journal.runs.all()),
        },
        this.#wake,
      )
      .catch((error: unknown) => {
        if (error instanceof AssertionError) throw error;
        this.#log.error({ error }, "the GPUs could not be read; retrying");
      });
    return { ...check, seen };
  }

  /**
   * What the kernel said of the cards is known before a round judges what ended: it may be why. A log that is slow to read
   * holds up nothing, and is heard in a later round.
   */
  async #hearOfCards(nowMs: number): Promise<void> {
    const containers = this.#containers === null ? null : this.own;
    this.#hearing ??= this.#gpuWatch
      .listen({ nowMs, containers })
      .catch((error: unknown) => {
        if (error instanceof AssertionError) throw error;
        this.#log.error({ error }, "the kernel log could not be read; tried again");
      })
      .finally(() => (this.#hearing = null));
    await Promise.race([this.#hearing, delay(HEARD_WITHIN_MS, undefined, { ref: false })]);
  }

  /** What is wanted, recorded and seen, side by side. */
  knowledge(observed: readonly Container[] = this.#containers ?? []): Knowledge {
    return this.#host.of(observed, { hasLeftFleet: this.#hasLeftFleet });
  }

  /** Which images are wanted on this host now; a host that was taken out of the fleet wants none. */
  desiredImages(observed: readonly Container[]): DesiredImage[] {
    const fetches = this.#hasLeftFleet ? [] : this.#journal.desired.fetches.all();
    return desiredImages(this.knowledge(observed), fetches);
  }

  /** Whether a run is to run now, by orders that count. */
  wants(run: RunKey): boolean {
    const { desired } = this.knowledge();
    return desired.some((order) => isSameRun(order, run) && order.want === "running");
  }

  /** Of a gang: its container may run, and its command has not begun. */
  isHeld(run: RunKey): boolean {
    const { desired, runs } = this.knowledge();
    const order = desired.find((one) => isSameRun(one, run));
    if (order === undefined || !waitsForGang(order.spec)) return false;
    return runs.every((record) => !isSameRun(record, run) || record.gate === null);
  }

  /** What is known of a run, for those who read its output. */
  runNow(run: RunKey): RunNow {
    return runNow(this.knowledge(), run);
  }
}
