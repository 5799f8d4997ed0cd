/**
 * Errors that programs made on GPUs, by the runs whose programs they were. They close nothing, and the run's people are
 * told. A program can make thousands a second: of one run each error is kept once for a while, and the latest few of all.
 */
import {
  inSequence,
  statementOf,
  worded,
  type Worded,
} from "@remotegpu/shared/reasons/host-reports/statement";
import { type GpuFault, MAX_GPU_FAULTS } from "@remotegpu/shared/instance/gpu-errors";
import type { GpuUuid, RunId } from "@remotegpu/shared/values/ids";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { isRunning, type OwnedContainer } from "../container/container.ts";

/** `atMs` is when it was read, on the monotonic clock. */
export type ProgramFault = GpuFault & { runId: RunId; atMs: number };

/** So long the same error of the same run is not told again. */
export const REPORT_AGAIN_MS = 600_000;
/** The bound over all runs. */
export const MAX_FAULTS = 256;
/** An end within it is taken to follow from the error. */
const EXPLAINS_WITHIN_MS = 60_000;
/** What follows from another error, or from the program's end itself, explains none. */
const FOLLOWS = "xid-45";

/** The runs whose containers run now or ran at the reading before, which is when the line was written. */
export type Holders = readonly OwnedContainer[];

/** Each run once: those of `now` and those of `before`. */
export function holdersBetween(before: Holders, now: Holders): OwnedContainer[] {
  const running = [...now.filter(isRunning), ...before];
  return [...new Map(running.toReversed().map((one) => [one.owner.runId, one])).values()];
}

/**
 * Whose program it was; null where that is not certain.
 * @param gpu that the line names
 * @param containerIds in which the process is that the line names, the outermost first; null where it has ended or none is
 * named. A process outside of all containers is nobody's run
 */
export function runOfFault(
  gpu: GpuUuid,
  containerIds: readonly string[] | null,
  holders: Holders,
): RunId | null {
  const ofGpu = holders.filter(({ owner }) => owner.gpus.some(({ uuid }) => uuid === gpu));
  if (containerIds !== null)
    return ofGpu.find(({ containerId }) => containerIds.includes(containerId))?.owner.runId ?? null;
  const [only, ...others] = ofGpu;
  return others.length === 0 ? (only?.owner.runId ?? null) : null;
}

export function afterFault(faults: readonly ProgramFault[], fault: ProgramFault): readonly ProgramFault[] {
  const isReported = faults.some(
    ({ runId, code, atMs }) =>
      runId === fault.runId && code === fault.code && fault.atMs - atMs < REPORT_AGAIN_MS,
  );
  if (isReported) return faults;
  const ofRun = faults.filter(({ runId }) => runId === fault.runId);
  const stored = ofRun.length < MAX_GPU_FAULTS ? faults : faults.filter((one) => one !== ofRun[0]);
  return [...stored, fault].slice(-MAX_FAULTS);
}

/** When each run was first seen to have failed by itself, on the monotonic clock; runs that are not told any more are left out. */
export function endsSeen(
  before: ReadonlyMap<RunId, number>,
  instances: readonly ObservedInstance[],
  nowMs: number,
): ReadonlyMap<RunId, number> {
  const failed = instances.filter(hasFailedByItself);
  return new Map(failed.map(({ runId }) => [runId, before.get(runId) ?? nowMs]));
}

/**
 * Adds to what is told of each run the errors of its programs; and to the sentence with which one failed by itself the
 * first of them around that moment.
 * @param ends as `endsSeen` has them
 */
export function withFaults(
  instances: readonly ObservedInstance[],
  faults: readonly ProgramFault[],
  ends: ReadonlyMap<RunId, number>,
): ObservedInstance[] {
  return instances.map((instance) => {
    const own = faults.filter(({ runId }) => runId === instance.runId);
    if (own.length === 0) return instance;
    const gpuFaults = own.map(({ seq, code, reason, why }) => ({
      seq,
      code,
      reason,
      ...(why !== undefined && { why }),
    }));
    const endedMs = ends.get(instance.runId);
    const cause = endedMs === undefined ? undefined : causeOf(own, endedMs);
    if (cause === undefined) return { ...instance, gpuFaults };
    return { ...instance, gpuFaults, ...withCause(instance, cause) };
  });
}

function withCause(instance: ObservedInstance, { reason, why }: GpuFault): Worded {
  const fault = why ?? reason;
  const told = instance.detail === "" ? fault : inSequence(statementOf(instance), fault);
  const { detail, ...others } = worded(told);
  return { ...others, detail: detail.slice(0, MAX_DETAIL) };
}

/** As long as what is told of an instance may be. */
const MAX_DETAIL = 2000;

function hasFailedByItself({ phase, problem, exitCode }: ObservedInstance): boolean {
  return (phase === "failed" || phase === "stopped") && problem === "exited" && exitCode !== 0;
}

function causeOf(faults: readonly ProgramFault[], endedMs: number): ProgramFault | undefined {
  const isNear = ({ atMs }: ProgramFault) => Math.abs(endedMs - atMs) <= EXPLAINS_WITHIN_MS;
  return faults.find((fault) => isNear(fault) && fault.code !== FOLLOWS);
}
