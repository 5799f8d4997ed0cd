/**
 * What is reported of the kernel log beside cordons: to the people of a run the errors that its program made on a GPU, to
 * operators what closes nothing. Whose program it was is told by the control group of the process that the line names, and
 * where that has ended by who held the GPU.
 */
import type { KernelNote } from "@remotegpu/shared/instance/gpu-errors";
import type { GpuUuid, RunId } from "@remotegpu/shared/values/ids";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { OwnedContainer } from "../../../core/container/container.ts";
import { isRunning } from "../../../core/container/container.ts";
import type { HeardFinding } from "../../../core/gpus/kernel-lines/kernel-reading.ts";
import { afterLoss, afterNotes } from "../../../core/gpus/kernel-notes.ts";
import {
  afterFault,
  endsSeen,
  holdersBetween,
  type ProgramFault,
  runOfFault,
  withFaults,
} from "../../../core/gpus/program-faults.ts";

/** Processes that are looked up for one reading; the errors of further ones are shown to operators only. */
const MAX_RESOLVED = 64;

export type KernelMemory = { notes: readonly KernelNote[]; faults: readonly ProgramFault[] };

export type HeardAt = {
  nowMs: number;
  lost: number;
  /** As last seen; null where that is not known. */
  containers: readonly OwnedContainer[] | null;
  /** Lines from before anybody watched: what runs now may not be what ran then. */
  isHistory: boolean;
  gpuOf: (busKey: string) => GpuUuid | undefined;
};

export class KernelReports {
  readonly #containersOf: (pid: number) => Promise<string[] | null>;
  #notes: readonly KernelNote[] = [];
  #faults: readonly ProgramFault[] = [];
  #before: readonly OwnedContainer[] = [];
  #ends: ReadonlyMap<RunId, number> = new Map();

  /** @param containersOf ids of the containers that a process is in; null where none of that pid lives */
  constructor(containersOf: (pid: number) => Promise<string[] | null>) {
    this.#containersOf = containersOf;
  }

  get notes(): readonly KernelNote[] {
    return this.#notes;
  }

  /** What must outlive the agent within a boot. */
  get memory(): KernelMemory {
    return { notes: this.#notes, faults: this.#faults };
  }

  resume({ notes, faults }: KernelMemory): void {
    this.#notes = notes;
    this.#faults = faults;
  }

  async take(findings: readonly HeardFinding[], at: HeardAt): Promise<void> {
    const holders = holdersBetween(this.#before, at.containers ?? []);
    const runs = at.isHistory
      ? new Map<HeardFinding, RunId>()
      : await this.#runsOf(findings, holders, at.gpuOf);
    for (const [{ seq, code, reason, why }, runId] of runs)
      if (seq !== null)
        this.#faults = afterFault(this.#faults, { runId, seq, code, reason, why, atMs: at.nowMs });
    const notes = afterNotes(
      this.#notes,
      findings.filter((finding) => !runs.has(finding)),
      at.gpuOf,
    );
    this.#notes = afterLoss(notes, at.lost);
    this.#before = at.containers?.filter(isRunning) ?? this.#before;
  }

  /** Adds to what is told of each run. */
  reportedOf(instances: readonly ObservedInstance[], nowMs: number): ObservedInstance[] {
    this.#ends = endsSeen(this.#ends, instances, nowMs);
    return withFaults(instances, this.#faults, this.#ends);
  }

  /** Only program faults whose run is certain. */
  async #runsOf(
    findings: readonly HeardFinding[],
    holders: readonly OwnedContainer[],
    gpuOf: HeardAt["gpuOf"],
  ): Promise<Map<HeardFinding, RunId>> {
    const faults = findings.filter(({ effect }) => effect === "program-fault");
    const pids = [...new Set(faults.flatMap(({ pid }) => pid ?? []))];
    const checked = new Map(
      await Promise.all(
        pids.slice(0, MAX_RESOLVED).map(async (pid) => [pid, await this.#containersOf(pid)] as const),
      ),
    );
    return new Map(
      faults.flatMap((finding) => {
        const { target, pid } = finding;
        const gpu = target.kind === "gpu" ? gpuOf(target.busKey) : undefined;
        if (gpu === undefined || (pid !== null && !checked.has(pid))) return [];
        const containerIds = pid === null ? null : (checked.get(pid) ?? null);
        const runId = runOfFault(gpu, containerIds, holders);
        return runId === null ? [] : [[finding, runId] as const];
      }),
    );
  }
}
