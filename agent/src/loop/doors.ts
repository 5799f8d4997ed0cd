/**
 * Keeps the way into containers by SSH and what is to run in them as they are ordered: a folder of the host for each
 * container that has any of it, whose files follow the orders while it runs. Nothing is started anew for it here, and
 * nobody waits for it but the making of a container.
 */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { Log } from "@remotegpu/shared/log";
import { isSameRun, type OwnedContainer } from "../core/container/container.ts";
import { waitsForGang, RELEASED_FILE } from "../core/container/container-spec.ts";
import { launchFiles, launchOf } from "../core/ssh/launch-files.ts";
import { doorOf, type OrderedDoor } from "../core/ssh/doors.ts";
import { liveFiles, type Owner } from "../core/ssh/live-files.ts";
import { serviceFiles } from "../core/services/service-files.ts";
import type { Journal } from "../journal/journal.ts";
import {
  LIVE_FOLDERS,
  liveFolderOf,
  makeLiveFolder,
  removeLiveFolder,
  writeLiveFolder,
} from "../toolbox/live-folder.ts";

/** Root's home where the container does not say. */
const STANDARD_HOME = "/root";
/** sshd ends where it has no configuration. */
const SHUT: ReturnType<typeof liveFiles> = { files: [], refused: [] };

export class Doors {
  readonly #stateDir: string;
  readonly #journal: Pick<Journal, "desired" | "runs">;
  readonly #homeOf: (pid: number) => Promise<string | null>;
  readonly #ownerOf: (pid: number) => Promise<Owner>;
  readonly #log: Log;
  /** What lies in each folder, as it was ordered; a run that has none was not looked at yet. */
  readonly #written = new Map<RunId, string>();
  /** What each run's folder was last tried to be made to say; null: that nobody enters any more. */
  readonly #stored = new Map<RunId, OrderedDoor | null>();
  readonly #wake: () => void;
  #keeping: Promise<void> = Promise.resolve();
  #isKeeping = false;

  constructor(parts: {
    stateDir: string;
    journal: Pick<Journal, "desired" | "runs">;
    /** HOME of a process by its pid; null where it has none, or is gone. */
    homeOf: (pid: number) => Promise<string | null>;
    /** Who a process is; rejects where it is gone. */
    ownerOf: (pid: number) => Promise<Owner>;
    /** Another one than before is kept. */
    wake: () => void;
    log: Log;
  }) {
    this.#stateDir = parts.stateDir;
    this.#journal = parts.journal;
    this.#homeOf = parts.homeOf;
    this.#ownerOf = parts.ownerOf;
    this.#wake = parts.wake;
    this.#log = parts.log;
  }

  /**
   * What opens each running container, once its folder says so: who logs in by a password after this has that one. Of
   * a folder that could not be written it is what was ordered all the same.
   */
  get stored(): ReadonlyMap<RunId, OrderedDoor | null> {
    return this.#stored;
  }

  /**
   * The folder that its container is to be made with, still empty; null where nobody enters it, no service runs and its
   * command is not held back.
   */
  async folderFor(order: DesiredInstance): Promise<string | null> {
    const isNeeded = doorOf(order, []) !== null || serviceFiles(order).length > 0 || waitsForGang(order.spec);
    return isNeeded ? await makeLiveFolder(this.#stateDir, order.runId) : null;
  }

  /** The word to go lies in its folder. */
  isReleased(runId: RunId): boolean {
    return existsSync(join(liveFolderOf(this.#stateDir, runId), RELEASED_FILE));
  }

  /** Brings the folders of what runs up to date, in the background. What fails is tried again by the next call. */
  keep(running: readonly OwnedContainer[], orders: readonly DesiredInstance[]): void {
    if (this.#isKeeping) return;
    this.#isKeeping = true;
    this.#keeping = this.#keepAll(running, orders).finally(() => (this.#isKeeping = false));
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#keeping;
  }

  /** Its container is gone. */
  async remove(runId: RunId): Promise<void> {
    this.#written.delete(runId);
    this.#stored.delete(runId);
    await removeLiveFolder(this.#stateDir, runId);
  }

  /**
   * Those of runs that nobody knows any more, as a crash may leave them. A run whose container is there is known: a new
   * journal, begun where one was lost, learns of it only with its order, and without its folder it could not be started again.
   *
   * @param containers of this host, whatever their state
   */
  async sweep(containers: readonly Pick<OwnedContainer, "owner">[]): Promise<void> {
    const folder = join(this.#stateDir, LIVE_FOLDERS);
    if (!existsSync(folder)) return;
    const found = await readdir(folder);
    // After the listing: a run is written down before its folder is made.
    const known = new Set<string>([
      ...this.#journal.runs.all().map(({ runId }) => runId),
      ...containers.map(({ owner }) => owner.runId),
    ]);
    for (const name of found) if (!known.has(name)) await this.remove(name as RunId);
  }

  async #keepAll(running: readonly OwnedContainer[], orders: readonly DesiredInstance[]): Promise<void> {
    const keySets = this.#journal.desired.keySets.all();
    for (const { owner, status } of running) {
      const order = orders.find((one) => isSameRun(one, owner));
      if (order === undefined || status.state !== "running") continue;
      // A container that was made without one cannot get it any more.
      if (!existsSync(liveFolderOf(this.#stateDir, owner.runId))) continue;
      await this.#keepOne(order, status.pid, doorOf(order, keySets));
    }
  }

  async #keepOne(order: DesiredInstance, pid: number, door: OrderedDoor | null): Promise<void> {
    const { runId } = order;
    const [launch, services] = [launchOf(order), serviceFiles(order)];
    const requested = JSON.stringify([pid, door, launch, services]);
    if (this.#written.get(runId) === requested) return;
    try {
      const { files, refused } = door === null ? SHUT : liveFiles({ ...door, home: await this.#home(pid) });
      // The word to go is among the services', and what goes on it finds all that it needs.
      const needed = launch === null ? [] : launchFiles(launch, await this.#ownerOf(pid));
      await writeLiveFolder(liveFolderOf(this.#stateDir, runId), [...needed, ...services, ...files]);
      this.#written.set(runId, requested);
      if (refused.length > 0) this.#log.warn({ runId, refused }, "some keys are not ones that sshd takes");
    } catch (error) {
      this.#log.warn({ runId, error }, "who may enter a container could not be written down; tried again");
    }
    if (JSON.stringify(this.#stored.get(runId)) === JSON.stringify(door)) return;
    this.#stored.set(runId, door);
    this.#wake();
  }

  async #home(pid: number): Promise<string> {
    return (await this.#homeOf(pid)) ?? STANDARD_HOME;
  }
}
