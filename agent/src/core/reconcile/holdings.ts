/**
 * Does what runs on this host agree with what the journal knows: one holder of each card, one running container of
 * each instance, and a record for each container as well as a container for each record that has one?
 */
import type { GpuUuid, InstanceId } from "@remotegpu/shared/values/ids";
import { isRunning, isSameRun, type OwnedContainer } from "../container/container.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { conflict } from "./start-obstacle.ts";

/** Two running containers on one card, at least one of which holds it whole. */
export type SharedCard = { uuid: GpuUuid; holders: [OwnedContainer, OwnedContainer] };

export function cardsHeldTwice(containers: readonly OwnedContainer[]): SharedCard[] {
  return pairsOf(containers.filter(isRunning)).flatMap(([one, other]) =>
    one.owner.gpus
      .filter((gpu) => other.owner.gpus.some((held) => conflict(held, gpu)))
      .map(({ uuid }): SharedCard => ({ uuid, holders: [one, other] })),
  );
}

/** Two containers of one instance would write the same folders. */
export function instancesRunningTwice(containers: readonly OwnedContainer[]): InstanceId[] {
  const twice = pairsOf(containers.filter(isRunning)).filter(
    ([one, other]) => one.owner.instanceId === other.owner.instanceId,
  );
  return [...new Set(twice.map(([one]) => one.owner.instanceId))];
}

/** Runs that are not over and whose container, once made, is not there any more. */
export function recordsWithoutContainer(
  runs: readonly RunRecord[],
  containers: readonly OwnedContainer[],
): RunRecord[] {
  return runs.filter(
    (run) =>
      run.end === null && run.containerId !== null && !containers.some(({ owner }) => isSameRun(owner, run)),
  );
}

export function containersWithoutRecord(
  runs: readonly RunRecord[],
  containers: readonly OwnedContainer[],
): OwnedContainer[] {
  return containers.filter(({ owner }) => !runs.some((run) => isSameRun(run, owner)));
}

function pairsOf<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((one, at) => items.slice(at + 1).map((other): [T, T] => [one, other]));
}
