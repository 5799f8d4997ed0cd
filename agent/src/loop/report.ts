/**
 * Report: what the loop sees becomes one whole state, which the conversation with the control plane sends when it has
 * changed. What is stable goes into its digest, readings that move do not.
 */
import { canonicalJson } from "@remotegpu/shared/proof/journal-row";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import type { KernelNote } from "@remotegpu/shared/instance/gpu-errors";
import type { GpuReport, MachineReport } from "@remotegpu/shared/messages/host-report";
import type { ObservedPull } from "@remotegpu/shared/instance/image-fetch";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { ObservedLease } from "@remotegpu/shared/instance/lease";
import type { AccessReport } from "@remotegpu/shared/instance/ssh-access";
import { GpuVitals } from "@remotegpu/shared/messages/protocol";
import { observedInstances } from "../core/reconcile/lifecycle.ts";
import { withMissingNodes } from "../core/container/missing-nodes.ts";
import { withImageFacts } from "../core/container/image-facts.ts";
import { withGangFacts } from "../core/gangs/gang-facts.ts";
import { withProgress } from "../core/progress/progress-facts.ts";
import { withServing } from "../core/probes/serving-facts.ts";
import { withOpenStreams } from "../core/leases/stream-facts.ts";
import { withServices } from "../core/services/watched-services.ts";
import { withTailsInReport } from "../core/runs/run-remains.ts";
import type { MachineFacts } from "../host/machine-facts.ts";
import type { Journal } from "../journal/journal.ts";
import type { ObservedStateReport } from "../link/control-plane-client.ts";
import type { AccessLink } from "./access-link.ts";
import type { CanaryWatch } from "./canary/canary-watch.ts";
import type { Vitals } from "./control-plane-link.ts";
import type { ImagePulls } from "./images/image-pulls.ts";
import { momentOf, monotonic, type Clock } from "../host/moment.ts";
import type { Meter } from "./meter.ts";
import type { Observation } from "./watch/observation.ts";
import type { Reconciliation } from "./reconciliation.ts";
import type { RunPerformer } from "./run-performer.ts";
import type { DiskWatch } from "./storage/disk-watch.ts";
import type { StorageMeter } from "./storage/storage-meter.ts";
import type { DeviceAccessWatch } from "./watch/gpus/device-access-watch.ts";
import type { BroughtWatch } from "./watch/brought-watch.ts";
import type { DrillWatch } from "./watch/drill-watch.ts";
import type { GangWatch } from "./watch/gang-watch.ts";
import type { GpuWatch } from "./watch/gpus/gpu-watch.ts";
import type { ImageWatch } from "./watch/image-watch.ts";
import type { OrphanWatch } from "./watch/orphan-watch.ts";
import type { ProgressWatch } from "./watch/progress-watch.ts";
import type { ProbeWatch } from "./watch/probe-watch.ts";
import type { RuntimeWatch } from "./watch/runtime-watch.ts";
import type { TransitionWatch } from "./watch/transition-watch.ts";
import type { VersionWatch } from "./watch/version-watch.ts";

export type ReportParts = {
  version: string;
  facts: MachineFacts;
  storagePool: string;
  clock: Clock;
  journal: Pick<Journal, "isShortOfSpace">;
  observation: Observation;
  reconciliation: Pick<Reconciliation, "degraded" | "hostObstacles">;
  performer: Pick<RunPerformer, "waits" | "notEnding" | "isStarting">;
  imagePulls: Pick<ImagePulls, "waits" | "observed">;
  meter: Pick<Meter, "disagreements">;
  runtimeWatch: RuntimeWatch;
  gpuWatch: GpuWatch;
  imageWatch: ImageWatch;
  versionWatch: Pick<VersionWatch, "versions">;
  broughtWatch: BroughtWatch;
  orphanWatch: OrphanWatch;
  gangWatch: Pick<GangWatch, "facts">;
  progressWatch: Pick<ProgressWatch, "facts" | "check">;
  probeWatch: Pick<ProbeWatch, "probed">;
  accessWatch: Pick<DeviceAccessWatch, "access">;
  transitionWatch: TransitionWatch;
  diskWatch: Pick<DiskWatch, "degraded">;
  canaryWatch: Pick<CanaryWatch, "report">;
  drillWatch: Pick<DrillWatch, "report" | "degraded">;
  storageMeter: Pick<StorageMeter, "degraded">;
  access: Pick<AccessLink, "leases" | "services" | "streams" | "book" | "degraded" | "gatewayPort">;
};

/** All that this host has to say at this moment. */
export function reportNow(parts: ReportParts): Vitals {
  const { clock, observation, reconciliation, performer, imagePulls, runtimeWatch, gpuWatch } = parts;
  const { broughtWatch, progressWatch } = parts;
  const seen = runtimeWatch.isDown ? null : observation.containers;
  const now = monotonic(momentOf(clock));
  // Not while somebody waits for a start: the runtime does one thing after the other.
  if (!performer.isStarting) void broughtWatch.check(observation.running, now.ms);
  const knowledge = observation.knowledge(seen ?? []);
  // In the dark it would see nothing, and forget.
  if (seen !== null) progressWatch.check(knowledge, now.ms);
  const reported = withImageFacts(
    observedInstances({
      ...knowledge,
      ...reconciliation.hostObstacles,
      observed: seen,
      waits: new Map([...performer.waits, ...imagePulls.waits(now.ms)]),
      notEnding: performer.notEnding,
      disagreements: parts.meter.disagreements,
      now,
    }),
    observation.own,
    broughtWatch.brought,
  );
  const inside = withProgress(
    withGangFacts(withServices(reported, parts.access.services), parts.gangWatch.facts),
    progressWatch.facts,
  );
  const whole = withMissingNodes(inside, parts.accessWatch.access);
  const serving = withServing(whole, { ...knowledge, probed: parts.probeWatch.probed });
  const carried = withOpenStreams(serving, { desired: knowledge.desired, streams: parts.access.streams });
  const { kernelReports } = gpuWatch.health;
  const instances = parts.transitionWatch.check(kernelReports.reportedOf(carried, now.ms), now.ms);
  return {
    observed: observedState(
      machineOf(parts),
      gpuWatch.gpus,
      instances,
      parts.access.leases,
      imagePulls.observed(now.ms),
      parts.access.book,
      kernelReports.notes,
    ),
    gpus: vitalsOf(gpuWatch.gpus),
    degraded: degradedOf(parts),
    isStarting: performer.isStarting,
  };
}

function machineOf(parts: ReportParts): MachineReport {
  const { facts, version, storagePool, runtimeWatch, gpuWatch, imageWatch, versionWatch, access } = parts;
  const { info } = runtimeWatch;
  const { report: canary } = parts.canaryWatch;
  const { report: drill } = parts.drillWatch;
  return {
    ...facts,
    agentVersion: version,
    storagePool,
    gatewayPort: access.gatewayPort,
    attachMode: gpuWatch.facts.mode,
    runtime: info === null ? null : { name: info.name, version: info.version, liveRestore: info.liveRestore },
    images: imageWatch.names,
    ...(canary !== null && { canary }),
    ...(drill !== null && { drill }),
    versions: versionWatch.versions,
  };
}

export function degradedOf(parts: ReportParts): string[] {
  return [
    ...parts.runtimeWatch.degraded,
    ...parts.gpuWatch.degraded,
    ...parts.orphanWatch.degraded,
    ...parts.transitionWatch.degraded,
    ...parts.access.degraded,
    ...parts.diskWatch.degraded,
    ...parts.storageMeter.degraded,
    ...(parts.journal.isShortOfSpace ? ["disk-full"] : []),
    ...parts.reconciliation.degraded,
    ...parts.drillWatch.degraded,
  ];
}

export function observedState(
  machine: MachineReport,
  gpus: readonly GpuReport[],
  instances: readonly ObservedInstance[],
  /** Null: not to be told now. */
  leases: readonly ObservedLease[] | null,
  pulls: readonly ObservedPull[] = [],
  /** Null: not to be told now. `mark` changes with what is new in it, and not with what is forgotten. */
  access: { book: AccessReport; mark: string } | null = null,
  kernelNotes: readonly KernelNote[] = [],
): ObservedStateReport {
  const sorted = withTailsInReport(
    instances.toSorted((a, b) => order(a.instanceId, b.instanceId) || order(a.runId, b.runId)),
  );
  const ports = leases?.toSorted((a, b) => order(a.leaseId, b.leaseId)) ?? null;
  const digest = sha256(
    canonicalJson([
      machine,
      gpus.map(withoutReadings),
      sorted.map(withoutCount),
      ports,
      pulls,
      access?.mark ?? null,
      kernelNotes.map(withoutExactCount),
    ]),
  );
  return {
    digest,
    machine,
    gpus: [...gpus],
    instances: sorted,
    leases: ports,
    pulls: [...pulls],
    access: access?.book ?? null,
    kernelNotes: [...kernelNotes],
  };
}

/** Whether anything is open there matters at once, how much does not. */
function withoutCount(instance: ObservedInstance): ObservedInstance {
  const { openStreams } = instance;
  return openStreams === undefined ? instance : { ...instance, openStreams: Math.min(openStreams, 1) };
}

/** It is told again when it has become ten times as often: what comes without end must not be a report each time. */
function withoutExactCount({ count, ...note }: KernelNote): object {
  return { ...note, digits: String(count).length };
}

function vitalsOf(gpus: readonly GpuReport[]): GpuVitals[] {
  return gpus.map((gpu) => GpuVitals.parse(gpu));
}

function withoutReadings(gpu: GpuReport): GpuReport {
  const {
    reasons: _,
    throttleReasons: _clocks,
    strangers: _strangers,
    foreignMemoryMib: _memory,
    memorySplit: _split,
    ...stable
  } = gpu;
  return { ...stable, memoryUsedMib: null, utilizationPercent: null, temperatureC: null, powerW: null };
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
