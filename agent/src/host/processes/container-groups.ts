/** The processes of containers, by the containers' ids: who is there, and their end. */
import { Cgroups } from "./cgroups.ts";
import { terminate, endGroups } from "./group-ending.ts";
import { readGroupPaths, readProcessName } from "./process-liveness.ts";

export type LeftProcess = { pid: number; name: string | null };

export class ContainerGroups {
  readonly #cgroups: Cgroups;
  /** Processes of ours that are in a container's group for a moment, and none of its own. */
  readonly #visitors = new Set<number>();

  constructor(cgroups: Cgroups = new Cgroups()) {
    this.#cgroups = cgroups;
  }

  /**
   * The folder of the container's group; null where it has none.
   * @param pid of one of its processes, which tells where this runtime puts its groups; null for none
   */
  find(containerId: string, pid: number | null = null): string | null {
    const found = this.#cgroups.groupsOf(containerId)[0];
    if (found !== undefined || pid === null) return found ?? null;
    for (const path of readGroupPaths(pid)) this.#cgroups.learn(containerId, path);
    return this.#cgroups.groupsOf(containerId)[0] ?? null;
  }

  /** Leaves the process out of what containers hold. @returns what ends that, to be called once it is gone */
  disregard(pid: number): () => void {
    this.#visitors.add(pid);
    return () => void this.#visitors.delete(pid);
  }

  /** Where a process enters the group by which the kernel judges the container's devices; null where there is none. */
  deviceProcsOf(containerId: string, pid: number): string | null {
    const group = this.find(containerId, pid);
    return group === null ? null : this.#cgroups.deviceProcs(group);
  }

  /**
   * All that is alive in it, by the host's pids. Of its groups the first speaks; should it be empty, each other is asked
   * as well, since somebody on the host may have moved something in one tree alone.
   * @param recorded where its group was at its start
   */
  processesOf(containerId: string, recorded: string | null = null): readonly number[] {
    // As a rule it is where it was, and nothing else has to be looked for.
    const inRecorded = recorded === null ? [] : this.#processes(recorded);
    if (inRecorded.length > 0) return inRecorded;
    for (const path of this.#groupsOf(containerId, recorded)) {
      const pids = this.#processes(path);
      if (pids.length > 0) return pids;
    }
    return [];
  }

  /** Files that say how long it has run on a processor, the best first; none where its group is not found. */
  cpuFilesOf(containerId: string, pid: number): string[] {
    const group = this.find(containerId, pid);
    return group === null ? [] : this.#cgroups.cpuFiles(group);
  }

  /** Whether somebody outside holds all of it still. */
  isFrozen(containerId: string, pid: number): boolean {
    const group = this.find(containerId, pid);
    return group !== null && this.#cgroups.isFrozen(group);
  }

  /** Every container whose group lies beside those of this runtime and that still holds processes. */
  holders(): { containerId: string; pids: readonly number[] }[] {
    const pidsOf = new Map<string, Set<number>>();
    for (const { containerId, path } of this.#cgroups.all()) {
      const pids = pidsOf.get(containerId) ?? new Set();
      for (const pid of this.#processes(path)) pids.add(pid);
      pidsOf.set(containerId, pids);
    }
    return [...pidsOf].flatMap(([containerId, pids]) =>
      pids.size > 0 ? [{ containerId, pids: [...pids] }] : [],
    );
  }

  /** TERM to each of them; resolves when nothing is left, after `withinMs`, or when `signal` is aborted. */
  async terminate(
    containerId: string,
    {
      withinMs,
      recorded = null,
      signal,
    }: { withinMs: number; recorded?: string | null; signal?: AbortSignal },
  ): Promise<void> {
    await terminate(() => this.processesOf(containerId, recorded), { withinMs, ...(signal && { signal }) });
  }

  /** KILL to each until nothing is left. @returns what could not be ended */
  async end(
    containerId: string,
    { recorded = null }: { recorded?: string | null } = {},
  ): Promise<LeftProcess[]> {
    const groups = () => this.#groupsOf(containerId, recorded);
    const left = await endGroups(
      () => this.processesOf(containerId, recorded),
      () => groups().flatMap((path) => this.#cgroups.freezers(path)),
    );
    return await Promise.all(left.map(async (pid) => ({ pid, name: await readProcessName(pid) })));
  }

  #processes(path: string): number[] {
    return this.#cgroups.processes(path).filter((pid) => !this.#visitors.has(pid));
  }

  #groupsOf(containerId: string, recorded: string | null): string[] {
    if (recorded !== null) this.#cgroups.learn(containerId, recorded);
    const found = this.#cgroups.groupsOf(containerId);
    return recorded === null || found.includes(recorded) ? found : [recorded, ...found];
  }
}
