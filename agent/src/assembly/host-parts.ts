/**
 * An agent's parts that know its host: the container runtime with what is watched there, the cards, the machine, and
 * what ended containers wrote. They are ready when they are handed out.
 */
import { mkdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { storedOutputFolder, ownPoolFolder } from "../config/config.ts";
import type { Feature } from "@remotegpu/shared/instance/features";
import { agentFeatures } from "../core/runs/unserved-order.ts";
import { ContainerGroups } from "../host/processes/container-groups.ts";
import { HostCommand } from "../host/host-command.ts";
import { KERNEL_LOG } from "../host/kernel-log.ts";
import { readMachineFacts, type MachineFacts } from "../host/machine-facts.ts";
import { MemoryKills } from "../host/memory-kills.ts";
import { readProcessStart } from "../host/processes/process-liveness.ts";
import { UpgradeFolder } from "../host/upgrades/upgrade-folder.ts";
import { readHostVersions } from "../host/versions/host-versions.ts";
import { UpgradeLink } from "../loop/upgrade-link.ts";
import type { DrillWatch } from "../loop/watch/drill-watch.ts";
import { GpuWatch } from "../loop/watch/gpus/gpu-watch.ts";
import { ImageWatch } from "../loop/watch/image-watch.ts";
import { RuntimeWatch } from "../loop/watch/runtime-watch.ts";
import { VersionWatch } from "../loop/watch/version-watch.ts";
import type { AgentMetrics } from "../metrics/agent-metrics.ts";
import { StoredOutput } from "../journal/output/stored-output.ts";
import { obstacleToGangs } from "../runtime/networks/gang-ability.ts";
import { Runtime } from "../runtime/runtime.ts";
import { installToolbox } from "../toolbox/toolbox.ts";
import type { AgentSetting } from "./agent-setting.ts";

export type HostParts = {
  facts: MachineFacts;
  groups: ContainerGroups;
  runtime: Runtime;
  memoryKills: MemoryKills;
  runtimeWatch: RuntimeWatch;
  imageWatch: ImageWatch;
  gpuWatch: GpuWatch;
  versionWatch: VersionWatch;
  stored: StoredOutput;
  /** What this agent does on this host, beyond the protocol's first form. */
  features: readonly Feature[];
  upgrades: UpgradeLink;
};

/** @throws ToolboxError, MachineFactsError */
export async function hostParts(
  { config, credential, clock, checkWithinMs, log }: AgentSetting,
  { wake, metrics, drillWatch }: { wake: () => void; metrics: AgentMetrics; drillWatch: DrillWatch },
): Promise<HostParts> {
  const { host_id: hostId } = credential.grant;
  const { stateDir, poolFolder, runtimeSocket } = config;
  const memoryKills = new MemoryKills(KERNEL_LOG, log);
  const groups = new ContainerGroups();
  const runtime = new Runtime({
    hostId,
    processes: groups,
    ...(runtimeSocket !== null && { socketPath: runtimeSocket }),
    poolRoot: poolFolder,
    toolboxPath: await installToolbox(stateDir),
    processStart: readProcessStart,
    memoryKills,
    wake,
    onEventsBroken: (cause) => log.warn({ error: cause }, "the runtime's events broke off"),
    onCall: (call) => metrics.callEnded(call),
  });
  // A pool of the host's own is made; a shared one is mounted by the operator, and its absence must show.
  if (poolFolder === ownPoolFolder(stateDir)) mkdirSync(poolFolder, { recursive: true, mode: 0o755 });
  const runtimeWatch = new RuntimeWatch(runtime, log);
  const imageWatch = new ImageWatch(runtime, log);
  const versionWatch = new VersionWatch({ read: readHostVersions, wake, log });
  const gpuWatch = new GpuWatch({
    hostId,
    bootId: clock.bootId,
    stateDir,
    nvidiaSmiPath: config.nvidiaSmiPath,
    simulatedCount: config.simulatedGpus,
    lostCard: () => drillWatch.lostCard,
    ...(checkWithinMs !== undefined && { checkWithinMs }),
    log,
  });
  // Nothing of it waits for the runtime or the cards.
  const facts = readMachineFacts({ diskPath: stateDir });
  facts.catch(() => undefined);
  const [lacking] = await Promise.all([
    obstacleToGangs(),
    runtimeWatch.learn(clock.monotonicMs()),
    imageWatch.checkWhenDue(clock.monotonicMs()),
  ]);
  const gangObstacle = runtimeWatch.info?.name === "podman" ? "it was not tried with Podman" : lacking;
  if (gangObstacle !== null) log.warn({}, `this host takes no part in gangs: ${gangObstacle}`);
  await gpuWatch.prepare(clock.monotonicMs(), clock.wallMs(), runtimeWatch.info);
  const stored = new StoredOutput({ folder: storedOutputFolder(stateDir), wallMs: clock.wallMs });
  await stored.open();
  const upgrades = new UpgradeLink({
    folder: new UpgradeFolder(dirname(import.meta.dirname)),
    version: basename(import.meta.dirname),
    source: config.server,
    systemctl: new HostCommand({ path: "systemctl", maxOutputBytes: 64 * 1024 }),
    isDrilled: () => drillWatch.degraded.length > 0,
    monotonicMs: clock.monotonicMs,
    log,
  });
  const features = agentFeatures({
    joinsGangs: gangObstacle === null,
    upgradesItself: upgrades.isAble,
  });
  return {
    facts: await facts,
    groups,
    runtime,
    memoryKills,
    runtimeWatch,
    imageWatch,
    gpuWatch,
    versionWatch,
    stored,
    features,
    upgrades,
  };
}
