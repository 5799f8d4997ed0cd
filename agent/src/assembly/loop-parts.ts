/** The loop itself and what it is made of, in the order of its words; beside it the way to the access process. */
import { join } from "node:path";
import { Agent } from "../loop/agent.ts";
import { accessSocket } from "../config/config.ts";
import { AccessLink } from "../loop/access-link.ts";
import { CodePacks, codeOfRunning } from "../loop/code/code-packs.ts";
import { Doors } from "../loop/doors.ts";
import { isStopped, processStates } from "../host/processes/process-states.ts";
import { readHome } from "../host/processes/process-home.ts";
import { readOwner } from "../host/processes/process-owner.ts";
import { probeReplica } from "../host/inside/replica-probe.ts";
import { DeviceProbe } from "../host/processes/device-probe.ts";
import { processOfContainer } from "../host/processes/process-liveness.ts";
import { HealthReport } from "../loop/health-report.ts";
import { Housekeeping } from "../loop/housekeeping.ts";
import { LeaseExchange } from "../loop/lease-exchange.ts";
import { Meter } from "../loop/meter.ts";
import type { Observation } from "../loop/watch/observation.ts";
import { OutputKeeper } from "../loop/output/output-keeper.ts";
import { Reconciliation } from "../loop/reconciliation.ts";
import { degradedOf, reportNow } from "../loop/report.ts";
import { RunPerformer } from "../loop/run-performer.ts";
import { DiskWatch } from "../loop/storage/disk-watch.ts";
import { FileWatch } from "../loop/storage/file-watch.ts";
import { ToolboxCleaner } from "../loop/toolbox-cleaner.ts";
import { BroughtWatch } from "../loop/watch/brought-watch.ts";
import { DeviceAccessWatch } from "../loop/watch/gpus/device-access-watch.ts";
import type { DrillWatch } from "../loop/watch/drill-watch.ts";
import { GangWatch } from "../loop/watch/gang-watch.ts";
import type { LimitWatch } from "../loop/watch/limit-watch.ts";
import { OrphanWatch } from "../loop/watch/orphan-watch.ts";
import { ProgressWatch } from "../loop/watch/progress-watch.ts";
import { ProbeWatch } from "../loop/watch/probe-watch.ts";
import { TransitionWatch } from "../loop/watch/transition-watch.ts";
import type { AgentMetrics } from "../metrics/agent-metrics.ts";
import { committedBundleOf, isCommitted } from "../process/bundle.ts";
import { AGENT_VERSION } from "../process/version.ts";
import type { AgentSetting } from "./agent-setting.ts";
import { canaryPart } from "./canary-part.ts";
import type { HostParts } from "./host-parts.ts";
import { imageParts } from "./image-parts.ts";
import type { LinkParts } from "./link-parts.ts";

/** None of them has begun when handed out. */
export function loopParts(
  setting: AgentSetting,
  {
    host,
    observation,
    linked,
    limitWatch,
    drillWatch,
    metrics,
    wake,
  }: {
    host: HostParts;
    observation: Observation;
    linked: LinkParts;
    limitWatch: LimitWatch;
    drillWatch: DrillWatch;
    metrics: AgentMetrics;
    wake: () => void;
  },
): { agent: Agent; access: AccessLink; diskWatch: DiskWatch } {
  const { config, credential, key, clock, journal, notifier, log } = setting;
  const { host_id: hostId } = credential.grant;
  const { runtime, gpuWatch } = host;
  const { link, keeper, storageSampling, storageMeter } = linked;
  const outputKeeper = new OutputKeeper({ runtime, stored: host.stored, poolRoot: config.poolFolder, log });
  const { imagePulls, imageCleaner } = imageParts(setting, { host, linked, wake });
  const doors = new Doors({
    stateDir: config.stateDir,
    journal,
    homeOf: readHome,
    ownerOf: readOwner,
    wake,
    log,
  });
  const codePacks = new CodePacks({
    folder: join(config.stateDir, "code"),
    client: linked.client,
    wanted: () => codeOfRunning(journal.desired.read().instances),
  });
  const performer = new RunPerformer({
    journal,
    runtime,
    groups: host.groups,
    imagePulls,
    doors,
    codePacks,
    output: outputKeeper,
    hasReportedEnd: (runId) => link.hasReportedEnd(runId),
    wants: (run) => observation.wants(run),
    gpuFacts: () => gpuWatch.facts,
    counts: metrics.actions,
    wake,
    log,
  });
  const access = new AccessLink({
    socketPath: accessSocket(config.stateDir),
    bundle: () => committedBundleOf(import.meta.dirname),
    monotonicMs: clock.monotonicMs,
    wake,
    log,
  });
  const leaseExchange = new LeaseExchange({
    journal,
    observation,
    access,
    doors,
    link,
    gatewayIdentity: () => {
      const { access: certified } = keeper.grant;
      return certified === undefined ? null : { key: key.accessKeyPem, ...certified };
    },
  });
  const orphanWatch = new OrphanWatch({ hostId, journal, isReaping: config.reapsOrphans, log });
  const shared = { ...host, clock, journal, observation, orphanWatch, link, log };
  const housekeeping = new Housekeeping({
    ...shared,
    limitWatch,
    storageMeter,
    outputKeeper,
    imageCleaner,
    doors,
    codePacks,
    toolboxCleaner: new ToolboxCleaner({ runtime, log }),
    isCommitted: () => isCommitted(import.meta.dirname),
    wake,
  });
  const { stateDir, poolFolder, storagePool, diskBounds: bounds } = config;
  const isPoolShared = storagePool !== null;
  const diskWatch = new DiskWatch({
    ...shared,
    bounds,
    stateDir,
    poolFolder,
    isPoolShared,
    storageMeter,
    wake,
  });
  const fileWatch = new FileWatch({
    setting: config.mostRunFiles,
    places: () => [host.runtimeWatch.info?.dataFolder ?? stateDir, poolFolder],
    inputs: () => storageMeter.inputs(),
    wake,
    log,
  });
  const canaryWatch = canaryPart(setting, { host, observation, performer, diskWatch, wake });
  const gangWatch = new GangWatch({
    reachProgram: join(runtime.toolboxPath, "reach"),
    isReleased: (runId) => doors.isReleased(runId),
    clockOffset: () => link.clockOffset,
    isDiskNearlyFull: () => diskWatch.isNearlyFull,
    monotonicMs: clock.monotonicMs,
    wake,
    log,
  });
  const probeWatch = new ProbeWatch({ request: probeReplica, processOfContainer, wake, log });
  const deviceProbe = new DeviceProbe({
    program: join(runtime.toolboxPath, "device-access"),
    groups: host.groups,
  });
  const accessWatch = new DeviceAccessWatch({
    errorsOf: (container, nodes) => deviceProbe.errorsOf(container, nodes),
    gpuFacts: () => gpuWatch.facts,
    health: gpuWatch.health,
    monotonicMs: clock.monotonicMs,
    wake,
    log,
  });
  const watches = { gangWatch, probeWatch, accessWatch };
  const reconciliation = new Reconciliation({
    ...shared,
    ...watches,
    performer,
    housekeeping,
    diskWatch,
    fileWatch,
  });
  const meter = new Meter({ ...shared, accessWatch });
  const healthReport = new HealthReport({
    ...shared,
    stateDir,
    version: AGENT_VERSION,
    meter,
    reconciliation,
    degraded: () => degradedOf(report),
  });
  const progressWatch = new ProgressWatch({
    figures: linked.figuresOf,
    cards: () => gpuWatch.gpus,
    isFrozen: ({ containerId, pid }) => host.groups.isFrozen(containerId, pid) || isStopped(pid),
    processes: ({ containerId }, most) => processStates(host.groups.processesOf(containerId).slice(0, most)),
    log,
  });
  const report = {
    ...shared,
    meter,
    version: AGENT_VERSION,
    storagePool: config.storagePool ?? hostId,
    reconciliation,
    performer,
    imagePulls,
    broughtWatch: new BroughtWatch({ runtime, wake, log }),
    ...watches,
    progressWatch,
    transitionWatch: new TransitionWatch(log),
    diskWatch,
    canaryWatch,
    drillWatch,
    storageMeter,
    access,
  };
  const agent = new Agent({
    clock,
    observation,
    reconciliation,
    performer,
    meter,
    imagePulls,
    housekeeping,
    diskWatch,
    fileWatch,
    canaryWatch,
    drillWatch,
    leaseExchange,
    doors,
    ...watches,
    reportNow: () => reportNow(report),
    onRound: (tookMs) => metrics.roundEnded(tookMs),
    link,
    healthReport,
    storageSampling,
    notifier,
    log,
  });
  return { agent, access, diskWatch };
}
