/**
 * One tick of the shadow of an upgrade: what a new version sees on a host beside the running agent, where that differs from
 * what the running agent wrote down, and what the new version would do now. Where nothing differs and nothing would be done,
 * taking over changes nothing for anybody.
 */
import type { BootId, InstanceId, LeaseId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredLease } from "@remotegpu/shared/instance/lease";
import type { Action, StopCause } from "../runs/action.ts";
import { isRunning, isSameRun } from "../container/container.ts";
import type { LeaseRecord } from "../leases/lease.ts";
import type { UsageInterval } from "../metering/usage-interval.ts";
import { containersWithoutRecord, recordsWithoutContainer } from "../reconcile/holdings.ts";
import { ownedContainers, type Knowledge } from "../runs/run-view.ts";
import { healthInstances, type AgentHealth, type HealthInstance } from "./health.ts";
import { isUnorderedEnd } from "./unordered-ends.ts";

/** What the running agent has that this one does not see, or sees otherwise. For scripts and for people. */
type ShadowDifference = {
  difference:
    | "entry-unreadable"
    | "instance-differs"
    | "container-without-record"
    | "record-without-container"
    | "lease-unknown"
    | "interval-without-process"
    | "run-not-metered";
  /** What it is about: an instance, a run, a lease, or an entry of a table. */
  subject: string;
  sentence: string;
};

/** An action without the order behind it, which may hold a customer's secrets. */
type PlannedAction = {
  kind: Action["kind"];
  instanceId: InstanceId | null;
  runId: RunId | null;
  cause: string | null;
};

export type ShadowTick = {
  instances: HealthInstance[];
  leases: { leaseId: LeaseId; externalPort: number | null; state: LeaseRecord["state"] }[];
  openIntervals: { runId: RunId; pid: number; startTicks: number; startMs: number; endMs: number }[];
  differences: ShadowDifference[];
  plan: PlannedAction[];
  /** How many running containers the plan ends as if an order asked for it, and none does. No delay explains these. */
  inventedEnds: number;
};

export type ShadowInput = {
  knowledge: Knowledge;
  /** What core/reconcile decides from it. */
  plan: readonly Action[];
  bootId: BootId;
  intervals: ReadonlyMap<RunId, UsageInterval>;
  /** As ordered by the journal, and as the access process holds them. */
  orderedLeases: readonly DesiredLease[];
  leases: readonly LeaseRecord[];
  /** Of entries that the running agent wrote and this one cannot read: table and key. */
  unreadable: readonly string[];
  /** As the running agent wrote it; null where it writes none, as agents of before do: then the journal alone says what it sees. */
  health: AgentHealth | null;
  /** Of the processes that live among those of containers and intervals, by their pids. */
  startTicks: ReadonlyMap<number, number>;
};

export function shadowTick(input: ShadowInput): ShadowTick {
  const { knowledge, intervals, leases, startTicks } = input;
  const instances = healthInstances(ownedContainers(knowledge), startTicks);
  const open = [...intervals.values()].filter(({ isOpen }) => isOpen);
  return {
    instances,
    leases: leases.map(({ leaseId, externalPort, state }) => ({ leaseId, externalPort, state })),
    openIntervals: open.map(({ runId, pid, startTicks: ticks, startMs, endMs }) => ({
      runId,
      pid,
      startTicks: ticks,
      startMs,
      endMs,
    })),
    differences: [
      ...input.unreadable.map(unreadable),
      ...instanceDifferences(instances, input.health),
      ...recordDifferences(knowledge),
      ...leaseDifferences(input),
      ...intervalDifferences(input, open),
    ],
    plan: input.plan.map(planned),
    inventedEnds: input.plan.filter((action) => isInventedEnd(action, knowledge)).length,
  };
}

/** The exit code of `observe` where a tick has invented ends. */
export const ENDS_WORK = 3;

/** Nothing differs, and nothing would be done. */
export function agrees({ differences, plan }: ShadowTick): boolean {
  return differences.length === 0 && plan.length === 0;
}

/** For other causes work ends without an order, and the running agent may be at it in the same moment. */
const AS_ORDERED: ReadonlySet<StopCause> = new Set(["ordered", "superseded"]);

function isInventedEnd(action: Action, knowledge: Knowledge): boolean {
  const saysOrdered = action.kind === "remove" || (action.kind === "stop" && AS_ORDERED.has(action.cause));
  return saysOrdered && isUnorderedEnd(action, knowledge);
}

function unreadable(subject: string): ShadowDifference {
  const sentence = "The running agent wrote it, and this version cannot read it.";
  return { difference: "entry-unreadable", subject, sentence };
}

function instanceDifferences(
  instances: readonly HealthInstance[],
  health: AgentHealth | null,
): ShadowDifference[] {
  if (health === null) return [];
  const [mine, theirs] = [instances, health.instances].map(
    (some) => new Map(some.map((instance) => [instance.runId, JSON.stringify(instanceText(instance))])),
  );
  const runs = [...new Set([...(mine?.keys() ?? []), ...(theirs?.keys() ?? [])])];
  return runs
    .filter((runId) => mine?.get(runId) !== theirs?.get(runId))
    .map((runId) => ({
      difference: "instance-differs",
      subject: runId,
      sentence: `This version sees ${mine?.get(runId) ?? "nothing"}, the running agent ${theirs?.get(runId) ?? "nothing"}.`,
    }));
}

/** In one order, whoever wrote it. */
function instanceText({ instanceId, pid, startTicks, state }: HealthInstance): unknown[] {
  return [instanceId, state, pid, startTicks];
}

function recordDifferences(knowledge: Knowledge): ShadowDifference[] {
  const containers = ownedContainers(knowledge);
  return [
    ...containersWithoutRecord(knowledge.runs, containers).map(({ owner }): ShadowDifference => ({
      difference: "container-without-record",
      subject: owner.runId,
      sentence: "Its container is there, and the journal has no record of the run.",
    })),
    ...recordsWithoutContainer(knowledge.runs, containers).map(({ runId }): ShadowDifference => ({
      difference: "record-without-container",
      subject: runId,
      sentence: "The journal has it running, and its container is not there.",
    })),
  ];
}

function leaseDifferences({ orderedLeases, leases }: ShadowInput): ShadowDifference[] {
  const known = new Set(leases.map(({ leaseId }) => leaseId));
  return orderedLeases
    .filter(({ leaseId, want }) => want === "held" && !known.has(leaseId))
    .map(({ leaseId }) => ({
      difference: "lease-unknown",
      subject: leaseId,
      sentence: "The journal orders it, and the file of leases does not have it.",
    }));
}

/** An interval follows one process; whoever runs and whose gate is open has one. */
function intervalDifferences(
  { knowledge, bootId, startTicks }: ShadowInput,
  open: readonly UsageInterval[],
): ShadowDifference[] {
  const isAlive = (interval: UsageInterval) =>
    interval.bootId === bootId && startTicks.get(interval.pid) === interval.startTicks;
  const metered = new Set(open.map(({ runId }) => runId));
  const running = ownedContainers(knowledge).filter(isRunning);
  const toMeter = knowledge.runs.filter(
    (run) => run.gate !== null && run.end === null && running.some(({ owner }) => isSameRun(owner, run)),
  );
  return [
    ...open
      .filter((interval) => !isAlive(interval))
      .map(({ runId, pid }): ShadowDifference => ({
        difference: "interval-without-process",
        subject: runId,
        sentence: `Its open time follows process ${pid}, which does not live.`,
      })),
    ...toMeter
      .filter(({ runId }) => !metered.has(runId))
      .map(({ runId }): ShadowDifference => ({
        difference: "run-not-metered",
        subject: runId,
        sentence: "It runs with its gate open, and no time of it is open.",
      })),
  ];
}

function planned(action: Action): PlannedAction {
  if (action.kind === "hold-stops") return { kind: action.kind, instanceId: null, runId: null, cause: null };
  const { kind, instanceId, runId } = action;
  const cause = action.kind === "stop" ? action.cause : "detail" in action ? action.detail : null;
  return { kind, instanceId, runId, cause };
}
