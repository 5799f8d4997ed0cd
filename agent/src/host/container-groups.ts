/** The processes of containers, by the containers' ids: who is there, and their end. */
import { Cgroups } from "./cgroups.ts";
import { askToEnd, endGroup } from "./group-ending.ts";
import { readProcessName } from "./process-liveness.ts";

export type LeftProcess = { pid: number; name: string | null };

export class ContainerGroups {
  readonly #cgroups: Cgroups;

  constructor(cgroups: Cgroups = new Cgroups()) {
    this.#cgroups = cgroups;
  }

  /** Where the container's group is; null where it has none. */
  find(containerId: string): string | null {
    return this.#cgroups.find(containerId);
  }

  /**
   * All that is alive in it, by the host's pids.
   * @param recorded where its group was at its start
   */
  processesOf(containerId: string, recorded: string | null = null): readonly number[] {
    const inRecorded = recorded === null ? [] : this.#cgroups.processes(recorded);
    if (inRecorded.length > 0) return inRecorded;
    const path = this.#cgroups.find(containerId);
    return path === null || path === recorded ? [] : this.#cgroups.processes(path);
  }

  /** Every container of any runtime here that still holds processes. */
  holders(): { containerId: string; pids: readonly number[] }[] {
    return this.#cgroups
      .all()
      .map(({ containerId, path }) => ({ containerId, pids: this.#cgroups.processes(path) }))
      .filter(({ pids }) => pids.length > 0);
  }

  /** TERM to each of them; resolves when nothing is left, or after `withinMs`. */
  async askToEnd(containerId: string, withinMs: number): Promise<void> {
    const path = this.#cgroups.find(containerId);
    if (path !== null) await askToEnd(this.#cgroups, path, withinMs);
  }

  /** KILL to each until nothing is left. @returns what could not be ended */
  async end(containerId: string): Promise<LeftProcess[]> {
    const path = this.#cgroups.find(containerId);
    if (path === null) return [];
    const left = await endGroup(this.#cgroups, path);
    return await Promise.all(left.map(async (pid) => ({ pid, name: await readProcessName(pid) })));
  }
}
