/**
 * What runs on this host against what the journal knows. An agent may be at work meanwhile, so whatever looks wrong is
 * looked at again, and only what stays so is told.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Check, CheckResult, Finding } from "@remotegpu/shared/doctor";
import type { BootId } from "@remotegpu/shared/values/ids";
import { hasCardsBySupportAlone } from "../../core/container/card-nodes.ts";
import { isRunning, isSameRun, type OwnedContainer } from "../../core/container/container.ts";
import {
  cardsHeldTwice,
  containersWithoutRecord,
  instancesRunningTwice,
  recordsWithoutContainer,
} from "../../core/reconcile/holdings.ts";
import { EXTEND_EVERY_MS } from "../../core/metering/usage-interval.ts";
import type { JournalState } from "../../journal/journal-reading.ts";
import { listed } from "./journal-checks.ts";
import { LEFT_PROCESSES, leftProcesses, type StrayGroup } from "./left-processes.ts";

const MAX_SCANS = 3;
const CHECK_EVERY_MS = 1_000;
/** A tick may come late by one round and a slow runtime. */
const METER_STANDS_MS = 3 * EXTEND_EVERY_MS;

const CHECKS = {
  gpus: {
    check: "one-holder-per-gpu",
    claim: "No card is held by two running containers, unless each has a slice of it.",
  },
  instances: {
    check: "one-container-per-instance",
    claim: "No instance runs in two containers.",
  },
  records: {
    check: "records-have-containers",
    claim: "Every run that is not over still has the container that was made for it.",
  },
  containers: {
    check: "containers-have-records",
    claim: "Every container of this host belongs to a run that the journal knows.",
  },
  meter: {
    check: "meter-goes-on",
    claim: "While the agent runs, the time of every running container is written down up to the last ticks.",
  },
  devices: {
    check: "gpus-given-as-devices",
    claim: "Every running container was given its GPUs in a way that a reload of systemd leaves alone.",
  },
  left: LEFT_PROCESSES,
} as const satisfies Record<string, Check>;

export const HOST_CHECKS: readonly Check[] = Object.values(CHECKS);

/** One look: what the journal says and what the runtime shows, in this order. */
export type HostSnapshot = {
  journal: JournalState;
  containers: readonly OwnedContainer[];
  /** Groups of containers that the runtime does not know. */
  strays: readonly StrayGroup[];
  isAgentRunning: boolean;
  bootId: BootId;
  nowMs: number;
};

type Found = Record<keyof typeof CHECKS, Finding[]>;

export async function checkHost(scan: () => Promise<HostSnapshot>): Promise<CheckResult[]> {
  let lasting = findingsOf(await scan());
  for (let scans = 1; scans < MAX_SCANS && hasAny(lasting); scans += 1) {
    await delay(CHECK_EVERY_MS);
    lasting = inBoth(lasting, findingsOf(await scan()));
  }
  return [
    listed(CHECKS.gpus, lasting.gpus),
    listed(CHECKS.instances, lasting.instances),
    listed(CHECKS.records, lasting.records),
    listed(CHECKS.containers, lasting.containers),
    listed(CHECKS.meter, lasting.meter),
    listed(CHECKS.devices, lasting.devices),
    listed(CHECKS.left, lasting.left),
  ];
}

function hasAny(found: Found): boolean {
  return Object.values(found).some((findings) => findings.length > 0);
}

function inBoth(before: Found, now: Found): Found {
  const still = (name: keyof Found) =>
    now[name].filter((finding) => before[name].some((earlier) => isSame(earlier, finding)));
  return {
    gpus: still("gpus"),
    instances: still("instances"),
    records: still("records"),
    containers: still("containers"),
    meter: still("meter"),
    devices: still("devices"),
    left: still("left"),
  };
}

function isSame(one: Finding, other: Finding): boolean {
  return one.finding === other.finding && JSON.stringify(one.subject) === JSON.stringify(other.subject);
}

function findingsOf(scan: HostSnapshot): Found {
  const { journal, containers } = scan;
  return {
    gpus: cardsHeldTwice(containers).map(({ uuid, holders: [one, other] }) => ({
      finding: "gpu-held-twice",
      subject: { gpu: uuid, run: one.owner.runId, other_run: other.owner.runId },
      sentence:
        "Both containers run and have the card, which one of them holds whole. Stop one of the two orders.",
    })),
    instances: instancesRunningTwice(containers).map((instance) => ({
      finding: "instance-runs-twice",
      subject: { instance },
      sentence: "Two of its containers run and write the same folders.",
    })),
    records: recordsWithoutContainer(journal.runs, containers).map(({ runId, containerId }) => ({
      finding: "record-without-container",
      subject: { run: runId, container: containerId ?? "" },
      sentence:
        "Somebody else removed its container, or the runtime lost it. A running agent starts the run again or closes it.",
    })),
    containers: containersWithoutRecord(journal.runs, containers).map(({ containerId, owner }) => ({
      finding: "container-without-record",
      subject: { run: owner.runId, container: containerId },
      sentence:
        "It carries this host's labels and the journal does not know it, so it is not metered. An agent takes it over when its run is ordered; else it is an orphan.",
    })),
    meter: idleMeters(scan),
    devices: containers
      .filter((container) => container.status.state === "running" && hasCardsBySupportAlone(container))
      .map(({ containerId, owner }) => ({
        finding: "gpus-not-given-as-devices",
        subject: {
          run: owner.runId,
          container: containerId,
          gpus: owner.gpus.map(({ uuid }) => uuid).join(", "),
        },
        sentence:
          "It was not given all nodes of its GPUs as devices when it was made: once systemd reads its units anew and starts one, it loses them. A restart by its customer gives it what stays.",
      })),
    left: leftProcesses(containers, scan.strays),
  };
}

function idleMeters({ journal, containers, isAgentRunning, bootId, nowMs }: HostSnapshot): Finding[] {
  if (!isAgentRunning) return [];
  const metered = journal.runs.filter(
    (run) =>
      run.end === null &&
      run.gate?.bootId === bootId &&
      nowMs - run.gate.ms > METER_STANDS_MS &&
      containers.some((container) => isRunning(container) && isSameRun(container.owner, run)),
  );
  return metered.flatMap(({ runId }) => {
    const interval = journal.intervals.find((each) => each.runId === runId);
    const isFollowed = interval?.isOpen === true && nowMs - interval.endMs <= METER_STANDS_MS;
    if (isFollowed) return [];
    return [
      {
        finding: "meter-stands-still",
        subject: { run: runId },
        sentence:
          "Its container runs and its time is not written down: look into the agent's log for why. What nobody saw is not charged.",
      },
    ];
  });
}
