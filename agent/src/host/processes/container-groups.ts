/** The processes of containers, by the containers' ids: who is there, and their end. */
import { Cgroups } from "./cgroups.ts";
import { askToEnd, endGroups } from "./group-ending.ts";
import { readGroupPaths, readProcessName } from "./process-liveness.ts";

export type LeftProcess = { pid: number; name: string | null };

export class ContainerGroups {
  readonly #cgroups: Cgroups;

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

  /**
   * All that is alive in it, by the host's pids. Of its groups the first speaks; should it be empty, each other is asked
   * as well, since somebody on the host may have moved something in one tree alone.
   * @param recorded where its group was at its start
   */
  processesOf(containerId: string, recorded: string | null = null): readonly number[] {
    // As a rule it is where it was, and nothing else has to be looked for.
    const inRecorded = recorded === null ? [] : this.#cgroups.processes(recorded);
    if (inRecorded.length > 0) return inRecorded;
    for (const path of this.#groupsOf(containerId, recorded)) {
      const pids = this.#cgroups.processes(path);
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
      for (const pid of this.#cgroups.processes(path)) pids.add(pid);
      pidsOf.set(containerId, pids);
    }
    return [...pidsOf].flatMap(([containerId, pids]) =>
      pids.size > 0 ? [{ containerId, pids: [...pids] }] : [],
    );
  }

  /** TERM to each of them; resolves when nothing is left, after `withinMs`, or when `signal` is aborted. */
  async askToEnd(
    containerId: string,
    {
      withinMs,
      recorded = null,
      signal,
    }: { withinMs: number; recorded?: string | null; signal?: AbortSignal },
  ): Promise<void> {
    await askToEnd(() => this.processesOf(containerId, recorded), { withinMs, ...(signal && { signal }) });
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

  #groupsOf(containerId: string, recorded: string | null): string[] {
    if (recorded !== null) this.#cgroups.learn(containerId, recorded);
    const found = this.#cgroups.groupsOf(containerId);
    return recorded === null || found.includes(recorded) ? found : [recorded, ...found];
  }
}
