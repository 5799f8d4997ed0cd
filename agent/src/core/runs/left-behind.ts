/**
 * Containers that the runtime calls ended or does not know any more while processes of them are alive: what a run holds
 * is what its container's control group holds. They count as running in every decision, so their cards and folders stay
 * theirs and their time goes on, until a look finds their groups empty.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Container, OwnedContainer } from "../container/container.ts";
import type { Holding, RunRecord } from "./run-record.ts";

/** A container whose group has to be looked into, and where that was at its start. */
export type Doubt = { containerId: string; group: string | null };

/** What the runtime calls running needs no look here. A start that failed half way may have left something. */
export function doubtsAbout(observed: readonly Container[], runs: readonly RunRecord[]): Doubt[] {
  const ended = observed
    .filter(({ status }) => status.state !== "running")
    .map(({ containerId }) => ({ containerId, group: groupOf(containerId, runs) }));
  return [...ended, ...unknownTo(observed, runs).map(({ containerId, group }) => ({ containerId, group }))];
}

/**
 * What the runtime told, with what the kernel says of the doubtful ones.
 * @param alive host's pids of what lives, by container; ids without any may be missing
 */
export function withLeftBehind(
  observed: readonly Container[],
  {
    hostId,
    runs,
    alive,
  }: { hostId: HostId; runs: readonly RunRecord[]; alive: ReadonlyMap<string, readonly number[]> },
): Container[] {
  const reported = observed.map((container) => {
    const status = leftBehind(alive.get(container.containerId));
    return status === null ? container : { ...container, status };
  });
  const unknown = unknownTo(observed, runs).flatMap((holding) => {
    const status = leftBehind(alive.get(holding.containerId));
    return status === null ? [] : [{ ...removedContainer(holding, hostId), status }];
  });
  return [...reported, ...unknown];
}

/** Where a container's group was at its start, as its run's record has it. */
export function groupOf(containerId: string, runs: readonly RunRecord[]): string | null {
  return runs.find(({ holding }) => holding?.containerId === containerId)?.holding?.group ?? null;
}

type RecordedHolding = Holding & { record: RunRecord };

/** The container before may be meant as well where a run was started again after its container was gone. */
function unknownTo(observed: readonly Container[], runs: readonly RunRecord[]): RecordedHolding[] {
  const known = new Set(observed.map(({ containerId }) => containerId));
  return runs.flatMap((record) =>
    record.holding === undefined || known.has(record.holding.containerId)
      ? []
      : [{ ...record.holding, record }],
  );
}

function leftBehind(
  pids: readonly number[] | undefined,
): Extract<Container["status"], { state: "left-behind" }> | null {
  const [first, ...others] = pids ?? [];
  return first === undefined ? null : { state: "left-behind", pids: [first, ...others] };
}

function removedContainer(
  { containerId, network, gpus, record }: RecordedHolding,
  hostId: HostId,
): Omit<OwnedContainer, "status"> {
  const { instanceId, placementEpoch, runId, specHash } = record;
  return { containerId, owner: { hostId, instanceId, placementEpoch, runId, specHash, network, gpus } };
}
