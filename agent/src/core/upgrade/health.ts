/**
 * How a running agent stands, as it writes it down for the upgrade unit (`health.json` in the state folder). The unit judges a
 * new version by these figures alone: nothing here is asked of the agent, which may hang.
 */
import type { BootId, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import { isRunning, type ContainerState, type OwnedContainer } from "../container/container.ts";

export type HealthInstance = {
  instanceId: InstanceId;
  runId: RunId;
  /** The host's number of the container's process; null where none of it lives. */
  pid: number | null;
  /** Field 22 of its /proc/<pid>/stat: the same number with other ticks is another process. */
  startTicks: number | null;
  state: ContainerState["state"];
};

/** `missing`: it was there and is no longer listed; `closed`: it takes nothing new. */
export type HealthGpu = { uuid: string; state: "well" | "closed" | "missing" };

export type AgentHealth = {
  version: string;
  pid: number;
  bootId: BootId;
  /** One more at each start of an agent on this state folder. */
  agentEpoch: number;
  /** Milliseconds of CLOCK_MONOTONIC, as are the times below. */
  startedMs: number;
  /** When it said READY=1; null before. */
  readyMs: number | null;
  writtenMs: number;
  /** How many heartbeats were answered since its start. */
  heartbeats: number;
  /** `connected`: one was answered within the last 30 s. */
  controlPlane: "connected" | "away";
  /** Metering ticks since its start. */
  ticks: number;
  /** Null before the first. */
  lastTickMs: number | null;
  /** This host's containers as the runtime last listed them; none before it first did. */
  instances: HealthInstance[];
  /** How many containers it ended since its start that no order asked it to (unordered-ends.ts). */
  unorderedEnds: number;
  /** The wall clock when it was written, Unix milliseconds. This and what follows: absent from agents of before. */
  wallMs?: number | undefined;
  /** What does not work here as it should, as its heartbeats say it. */
  degraded?: string[] | undefined;
  /** The same as the control plane knows it: of the last heartbeat that was answered since its start. */
  heardDegraded?: string[] | undefined;
  gpus?: HealthGpu[] | undefined;
  /** The version of NVIDIA's driver; null where there is none. */
  driver?: string | null | undefined;
};

/** Three missed heartbeats: the control plane itself calls a host suspect then. */
const HEARD_WITHIN_MS = 30_000;

/** @param heardMs when a heartbeat was last answered since the agent's start; null: never */
export function controlPlaneAt(heardMs: number | null, nowMs: number): AgentHealth["controlPlane"] {
  return heardMs !== null && nowMs - heardMs <= HEARD_WITHIN_MS ? "connected" : "away";
}

/** Each card once; the sets overlap. */
export function healthGpus(sets: {
  listed: readonly string[];
  closed: Iterable<string>;
  known: Iterable<string>;
}): HealthGpu[] {
  const [listed, closed] = [new Set(sets.listed), new Set(sets.closed)];
  return [...new Set([...listed, ...sets.known])].sort().map((uuid) => {
    if (!listed.has(uuid)) return { uuid, state: "missing" };
    return { uuid, state: closed.has(uuid) ? "closed" : "well" };
  });
}

/** The process by which a container is known; null where none of it lives. */
export function processOf({ status }: OwnedContainer): number | null {
  if (status.state === "running") return status.pid;
  return status.state === "left-behind" ? status.pids[0] : null;
}

/** @param startTicks of the processes that live, by their pids */
export function healthInstances(
  containers: readonly OwnedContainer[],
  startTicks: ReadonlyMap<number, number>,
): HealthInstance[] {
  return containers.map((container) => {
    const { owner, status } = container;
    const pid = isRunning(container) ? processOf(container) : null;
    const ticks = pid === null ? null : (startTicks.get(pid) ?? null);
    const { instanceId, runId } = owner;
    return { instanceId, runId, pid: ticks === null ? null : pid, startTicks: ticks, state: status.state };
  });
}
