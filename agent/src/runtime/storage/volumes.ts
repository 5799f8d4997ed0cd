/**
 * The pool's folders for a container: datasets and models read-only as volumes of the runtime, code and output writable
 * as they are. A plain bind mount cannot carry `nosuid,nodev`, a local volume can, but the runtime applies them to
 * read-only ones alone. In writable folders the same follows from no-new-privileges, no MKNOD and the device cgroup; on
 * the host, from the modes of the folders above. A run's volumes carry its label and go with its container; the folders stay.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { HostId, RunId } from "@remotegpu/shared/values/ids";
import type { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { LABEL } from "../../core/container/container.ts";
import type { RunKey } from "../../core/container/container.ts";
import type { FolderAt } from "../../core/container/container-spec.ts";
import { QUICK_MS, WORK_MS } from "../docker/docker.ts";
import type { Docker } from "../docker/docker.ts";
import { folderInPool, ownFolderInPool } from "./pool-path.ts";
import type { PoolFolder } from "./pool-path.ts";
import { isStatus, RuntimeError } from "../docker/runtime-error.ts";
import { within } from "../docker/within.ts";

/** A shared file system can stand still. */
const POOL_MS = 20_000;

/** A folder of the spec, with its path on this host. */
export type ResolvedFolder = { path: string; target: string; isReadOnly: boolean };

export type ResolvedFolders =
  | { resolved: true; folders: ResolvedFolder[] }
  | { resolved: false; problem: "mount-missing"; why: HostReason };

/**
 * Finds what a spec mounts under the pool's root, makes the folders of its own that are missing, and leaves out views of
 * what is neither there nor needed.
 * @throws RuntimeError when the pool's file system fails or does not answer
 */
export async function resolveFolders(
  poolRoot: string,
  { mounts, folders: own, views = [] }: Pick<InstanceSpec, "mounts" | "folders" | "views">,
): Promise<ResolvedFolders> {
  const folders: ResolvedFolder[] = [];
  const wanted = [
    ...mounts.map((mount) => ({ ...mount, isReadOnly: true, isOptional: false })),
    ...own.map((folder) => ({ ...folder, isReadOnly: false, isOptional: false })),
    ...views.map((view) => ({ ...view, isReadOnly: true, isOptional: view.isNeeded !== true })),
  ];
  for (const { source, target, isReadOnly, isOptional } of wanted) {
    const find = isReadOnly ? folderInPool : ownFolderInPool;
    const folder = await fromPool(find(poolRoot, source), source);
    if (!folder.found && isOptional) continue;
    if (!folder.found) return { resolved: false, problem: "mount-missing", why: folder.why };
    folders.push({ path: folder.path, target, isReadOnly });
  }
  return { resolved: true, folders };
}

export class Volumes {
  readonly #docker: Docker;
  readonly #hostId: HostId;

  constructor(docker: Docker, hostId: HostId) {
    this.#docker = docker;
    this.#hostId = hostId;
  }

  /**
   * One volume per folder that is not to be written; those that an earlier attempt of the run made are used.
   * @throws RuntimeError, RuntimeDown
   */
  async create({ runId }: RunKey, folders: readonly ResolvedFolder[]): Promise<FolderAt[]> {
    return Promise.all(
      folders.map(async ({ path, target, isReadOnly }, index): Promise<FolderAt> => {
        if (!isReadOnly) return { kind: "writable", path, target };
        const volume = `rg-${this.#hostId}-${runId}-${index}`;
        await this.#docker.call(`make volume ${volume}`, { deadlineMs: QUICK_MS }, (client, abortSignal) =>
          client.createVolume({
            Name: volume,
            Driver: "local",
            DriverOpts: { type: "none", device: path, o: "bind,ro,nosuid,nodev" },
            Labels: { [LABEL.host]: this.#hostId, [LABEL.run]: runId },
            abortSignal,
          }),
        );
        return { kind: "volume", volume, target };
      }),
    );
  }

  /** Those of one run; its container must be gone. */
  async removeOf(runId: RunId): Promise<void> {
    await this.#remove([`${LABEL.host}=${this.#hostId}`, `${LABEL.run}=${runId}`]);
  }

  /** All of this host id, for cleaning up. */
  async removeAll(): Promise<void> {
    await this.#remove([`${LABEL.host}=${this.#hostId}`]);
  }

  async #remove(label: string[]): Promise<void> {
    const { Volumes: found } = await this.#docker.call(
      "list volumes",
      { deadlineMs: QUICK_MS },
      (client, abortSignal) => client.listVolumes({ filters: JSON.stringify({ label }), abortSignal }),
    );
    for (const { Name } of found ?? []) {
      try {
        await this.#docker.call(`remove volume ${Name}`, { deadlineMs: WORK_MS }, (client, abortSignal) =>
          client.getVolume(Name).remove({ abortSignal }),
        );
      } catch (error) {
        if (!isStatus(error, 404)) throw error;
      }
    }
  }
}

async function fromPool(work: Promise<PoolFolder>, source: string): Promise<PoolFolder> {
  try {
    return await within(
      POOL_MS,
      work,
      () => new RuntimeError(`cannot look at ${source}: the storage pool did not answer in ${POOL_MS} ms`),
    );
  } catch (cause) {
    if (cause instanceof RuntimeError) throw cause;
    throw new RuntimeError(`cannot look at ${source} in the storage pool`, { cause });
  }
}
