/**
 * How much of the disk the runs of this host hold: what lies under names in their own file systems and folders, and what
 * they have deleted and still have open. Whether that is too much is decided elsewhere.
 */
import type { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { Log } from "@remotegpu/shared/log";
import { isSameRun, type OwnedContainer } from "../../core/container/container.ts";
import type { FoldersDeleted } from "../../core/storage/deleted-files.ts";
import type { StorageUse } from "../../core/storage/storage-limit.ts";
import type { ContainerGroups } from "../../host/processes/container-groups.ts";
import type { Journal } from "../../journal/journal.ts";
import type { Runtime, StorageGround } from "../../runtime/runtime.ts";
import { deviceOf } from "../../runtime/storage/storage-usage.ts";
import type { Observation } from "../watch/observation.ts";
import type { RuntimeWatch } from "../watch/runtime-watch.ts";
import { deletedStorage, type Deleted } from "./deleted-storage.ts";

export type RunStorage = StorageUse & {
  /** Bytes that it holds on each file system of the host, by device. */
  held: ReadonlyMap<number, number>;
};

type Holder = { desired: DesiredInstance; container: OwnedContainer; ground: StorageGround };

export type StorageMeterParts = {
  journal: Journal;
  observation: Observation;
  runtime: Pick<Runtime, "storageGround" | "storageUse">;
  runtimeWatch: Pick<RuntimeWatch, "info">;
  groups: Pick<ContainerGroups, "processesOf">;
  clock: { monotonicMs: () => number };
  log: Log;
};

export class StorageMeter {
  readonly #parts: StorageMeterParts;
  /** Runs that have more files open than are counted, since when. */
  readonly #uncountedMs = new Map<RunId, number>();
  /** Runs whose open files the host itself could not look at, the last time. */
  readonly #unseen = new Set<RunId>();

  constructor(parts: StorageMeterParts) {
    this.#parts = parts;
  }

  /** As the heartbeat says it. */
  get degraded(): string[] {
    return this.#unseen.size > 0 ? ["storage-uncounted"] : [];
  }

  /** Of the running ones among those that are asked about. @throws RuntimeError, RuntimeDown */
  async measure(isRequested: (desired: DesiredInstance) => boolean): Promise<RunStorage[]> {
    const holders = await this.#holders(isRequested);
    // First what is deleted: what is deleted between the two is then counted in neither, rather than in both.
    const deleted = await this.#deleted(holders);
    const storages: RunStorage[] = [];
    for (const holder of holders) storages.push(await this.#storageOf(holder, deleted));
    return storages;
  }

  /** Where each that runs writes. @throws RuntimeError, RuntimeDown */
  async inputs(): Promise<{ runId: RunId; ground: StorageGround }[]> {
    const holders = await this.#holders(() => true);
    return holders.map(({ desired: { runId }, ground }) => ({ runId, ground }));
  }

  /** Bytes of deleted files that runs have open in the pool, for each run with its folders. @throws RuntimeError, RuntimeDown */
  async deletedInPool(): Promise<FoldersDeleted[]> {
    const holders = await this.#holders(({ spec }) => spec.folders.length > 0);
    const deleted = await this.#deleted(holders);
    return holders.map(({ desired: { runId, spec } }) => ({
      sources: spec.folders.map(({ source }) => source),
      bytes: storageIn(deleted.get(runId))?.folderBytes ?? 0,
    }));
  }

  async #holders(isRequested: (desired: DesiredInstance) => boolean): Promise<Holder[]> {
    const { journal, observation, runtime } = this.#parts;
    const { running } = observation;
    const holders: Holder[] = [];
    for (const desired of journal.desired.read().instances) {
      const container = running.find(({ owner }) => isSameRun(owner, desired));
      if (container === undefined || !isRequested(desired)) continue;
      const ground = await runtime.storageGround(container.containerId, desired.spec);
      if (ground !== null) holders.push({ desired, container, ground });
    }
    return holders;
  }

  async #storageOf(
    { desired, container, ground }: Holder,
    deleted: ReadonlyMap<RunId, Deleted>,
  ): Promise<RunStorage> {
    const { runtime, runtimeWatch, clock } = this.#parts;
    const { runId, spec } = desired;
    const written = await runtime.storageUse(container.containerId, ground);
    const open = storageIn(deleted.get(runId));
    const layerBytes = plus(written.layerBytes, written.besideBytes + (open?.layerBytes ?? 0));
    const folderBytes = plus(written.folderBytes, open?.folderBytes ?? 0);
    // The driver bounds what is in the layer, deleted or not, and nothing that lies beside it.
    const hasQuota = runtimeWatch.info?.hasLayerQuota ?? false;
    // Not while the host cannot look: it is beyond a bound of its own now, or nothing is said of it.
    const sinceMs = deleted.get(runId)?.kind === "too-many" ? this.#uncountedMs.get(runId) : undefined;
    // A part that is missing once would look like growth as soon as it is there.
    const held = heldBytes([
      [ground.layer.disk ?? (await this.#dataDevice()), open === null ? null : layerBytes],
      [[...ground.folderDevices][0] ?? null, open === null ? null : folderBytes],
    ]);
    return {
      runId,
      limits: spec,
      layerBytes: hasQuota ? written.besideBytes : layerBytes,
      folderBytes,
      deletedBytes: (open?.layerBytes ?? 0) + (open?.folderBytes ?? 0),
      uncountedMs: sinceMs === undefined ? 0 : clock.monotonicMs() - sinceMs,
      held,
    };
  }

  /** Docker's containerd store shows no folders of layers: they lie where all that is Docker's lies. */
  async #dataDevice(): Promise<number | null> {
    const { info } = this.#parts.runtimeWatch;
    return info === null ? null : await deviceOf(info.dataFolder);
  }

  async #deleted(holders: readonly Holder[]): Promise<Map<RunId, Deleted>> {
    const { groups } = this.#parts;
    const openers = holders.map(({ desired: { runId }, container, ground }) => ({
      runId,
      layerDevice: ground.layer.device,
      folderDevices: ground.folderDevices,
      firstPid: container.status.state === "running" ? container.status.pid : null,
      pids: groups.processesOf(container.containerId),
    }));
    const deleted = await deletedStorage(openers);
    for (const [runId, ofRun] of deleted) this.#note(runId, ofRun);
    const running = new Set(this.#parts.observation.running.map(({ owner }) => owner.runId));
    for (const runId of this.#uncountedMs.keys()) if (!running.has(runId)) this.#uncountedMs.delete(runId);
    for (const runId of this.#unseen) if (!running.has(runId)) this.#unseen.delete(runId);
    return deleted;
  }

  /** Each change is told once. What the host could not look at says nothing of a run, neither for it nor against it. */
  #note(runId: RunId, deleted: Deleted): void {
    const { clock, log } = this.#parts;
    if (deleted.kind === "unseen") {
      if (this.#unseen.size === 0)
        log.error(
          { runId, detail: deleted.detail },
          `deleted files that runs have open cannot be counted: ${deleted.detail}`,
        );
      this.#unseen.add(runId);
      return;
    }
    this.#unseen.delete(runId);
    if (deleted.kind === "counted") this.#uncountedMs.delete(runId);
    else if (!this.#uncountedMs.has(runId)) {
      this.#uncountedMs.set(runId, clock.monotonicMs());
      log.warn({ runId }, `run ${runId} has more files open than are counted`);
    }
  }
}

function storageIn(deleted: Deleted | undefined) {
  return deleted?.kind === "counted" ? deleted.storage : null;
}

/** By device; one with a part that was not measured is left out. */
function heldBytes(parts: readonly [device: number | null, bytes: number | null][]): Map<number, number> {
  const held = new Map<number, number>();
  const unmeasured = new Set(parts.flatMap(([device, bytes]) => (bytes === null ? device : [])));
  for (const [device, bytes] of parts)
    if (device !== null && bytes !== null && !unmeasured.has(device))
      held.set(device, (held.get(device) ?? 0) + bytes);
  return held;
}

/** What could not be measured stays so, whatever is added to it. */
function plus(bytes: number | null, more: number): number | null {
  return bytes === null ? null : bytes + more;
}
