/**
 * Why a wanted run may not start at this moment although nothing is wrong with it. The sentence is shown to people
 * and the start is tried again in the next round, so none of these needs a retry of its own.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  type HostStatement,
  reasonOf,
  worded,
  type Worded,
} from "@remotegpu/shared/reasons/host-reports/statement";
import type { GpuUuid, InstanceId } from "@remotegpu/shared/values/ids";
import type { AttachedGpu, DesiredInstance } from "@remotegpu/shared/instance/instance";
import { isRunning, isSameRun } from "../container/container.ts";
import type { OwnedContainer } from "../container/container.ts";
import type { UnclearGpu } from "../gpus/gpu-handover.ts";

export type StartObstacle = Worded & {
  /** `host-refuses` is the host's own state (its journal is full); the others pass by themselves. */
  kind:
    | "host-refuses"
    | "no-contact-yet"
    | "gpu-closed"
    | "same-instance"
    | "gpu-in-use"
    | "gpu-stranger"
    | "gpu-unseen";
};

/** What stands in the way of starts on the whole host. */
export type HostObstacles = {
  startsRefused: HostStatement | null;
  /** Nobody was heard since this boot (contact.ts). */
  awaitsContact: boolean;
  /** Cards that take nothing new, with why (gpu-health.ts). */
  closedGpus: ReadonlyMap<GpuUuid, HostStatement>;
  /** Of those, cards of which nothing else is known than that containers of these instances were refused them. */
  refusedGpus: ReadonlyMap<GpuUuid, ReadonlySet<InstanceId>>;
  /** Cards that nothing of ours holds and that may not be free all the same (gpu-handover.ts). */
  unclearGpus: ReadonlyMap<GpuUuid, UnclearGpu>;
};

export function startObstacle(
  desired: DesiredInstance,
  containers: readonly OwnedContainer[],
  { startsRefused, awaitsContact, closedGpus, refusedGpus, unclearGpus }: HostObstacles,
): StartObstacle | null {
  if (startsRefused !== null) {
    return obstacle("host-refuses", {
      code: "host-refuses-starts",
      params: { why: reasonOf(startsRefused) },
    });
  }
  // It may run on another host by now: the time that this one was off counts there, and is unknown here.
  if (awaitsContact && desired.live.onDisconnect === "stop_after") {
    return obstacle("no-contact-yet", { code: "host-awaits-contact", params: {} });
  }
  const closed = closedTo(desired, { closedGpus, refusedGpus });
  if (closed !== undefined) {
    const why = reasonOf(closedGpus.get(closed.uuid) ?? "");
    return obstacle("gpu-closed", { code: "start-awaits-gpu", params: { gpu_uuid: closed.uuid, why } });
  }
  const others = containers.filter((other) => isRunning(other) && !isSameRun(other.owner, desired));
  // Two containers of one instance would write the same code and output folders.
  const same = others.find((other) => other.owner.instanceId === desired.instanceId);
  if (same) {
    return obstacle("same-instance", { code: "start-awaits-run", params: { run_id: same.owner.runId } });
  }
  for (const gpu of desired.spec.gpus) {
    const holder = others.find((other) => other.owner.gpus.some((held) => conflict(held, gpu)));
    if (!holder) continue;
    const params = { gpu_uuid: gpu.uuid, instance_id: holder.owner.instanceId };
    return obstacle("gpu-in-use", { code: "start-awaits-gpu-holder", params });
  }
  for (const { uuid } of desired.spec.gpus) {
    const unclear = unclearGpus.get(uuid);
    if (unclear !== undefined) return obstacle(unclear.kind, unclearReason(uuid, unclear));
  }
  return null;
}

/** Who was refused a card has it back with a new container, which is given rules of its own; nobody else has. */
export function closedTo(
  { instanceId, spec }: DesiredInstance,
  { closedGpus, refusedGpus }: Pick<HostObstacles, "closedGpus" | "refusedGpus">,
): AttachedGpu | undefined {
  return spec.gpus.find(
    ({ uuid }) => closedGpus.has(uuid) && refusedGpus.get(uuid)?.has(instanceId) !== true,
  );
}

function unclearReason(uuid: GpuUuid, unclear: UnclearGpu): HostReason {
  switch (unclear.kind) {
    case "gpu-stranger": {
      const { pid, name } = unclear.stranger;
      const params = { gpu_uuid: uuid, process_id: pid };
      return name === null
        ? { code: "start-awaits-gpu-process", params }
        : { code: "start-awaits-gpu-program", params: { ...params, program: name } };
    }
    case "gpu-unseen":
      return { code: "start-awaits-gpu-check", params: { gpu_uuid: uuid } };
  }
}

function obstacle(kind: StartObstacle["kind"], reason: HostReason): StartObstacle {
  return { kind, ...worded(reason) };
}

/** Whether two starts of one round would get in each other's way, as no sane desired set asks. */
export function areRivals(one: DesiredInstance, other: DesiredInstance): boolean {
  if (one.instanceId === other.instanceId) return true;
  return one.spec.gpus.some((gpu) => other.spec.gpus.some((wanted) => conflict(gpu, wanted)));
}

/** Slices of a card go together; a whole card goes with nothing. */
export function conflict(held: AttachedGpu, wanted: AttachedGpu): boolean {
  return held.uuid === wanted.uuid && (held.memoryMib === null || wanted.memoryMib === null);
}
