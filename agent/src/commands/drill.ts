/**
 * `drill`: plays the faults of a host's life under a canary workload, one after the other, and writes a signed certificate
 * of what came of each. It runs in a unit of its own, which outlives the agent and whoever called it, and which takes back
 * what was played however the drill ends.
 */
import { dirname } from "node:path";
import { execa } from "execa";
import {
  type DrillDocument,
  type DrillFault,
  faultsOf,
  isDrillPassed,
  type PlayedFault,
} from "@remotegpu/shared/messages/drill-report";
import { HOST_ENGLISH, isHostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { wordingOf } from "@remotegpu/shared/reasons/wording";
import { keyFile, type Config } from "../config/config.ts";
import { type Drill, DRILL_LIMITS, type DrillLimits } from "../core/drill/drill-sight.ts";
import type { RunRecord } from "../core/runs/run-record.ts";
import type { AgentHealth } from "../core/upgrade/health.ts";
import { DrillFolder, type Switches } from "../host/drill-folder.ts";
import { readHealth } from "../host/health-file.ts";
import { readProcessStart } from "../host/processes/process-liveness.ts";
import { UpgradeFolder } from "../host/upgrades/upgrade-folder.ts";
import { isLocked } from "../journal/database/folder-lock.ts";
import { readJournal } from "../journal/journal-reading.ts";
import { openHostKey } from "../link/nkey.ts";
import { AGENT_VERSION } from "../process/version.ts";
import { Docker } from "../runtime/docker/docker.ts";
import { Containers } from "../runtime/containers.ts";
import { type RuntimeInfo, runtimeInfo } from "../runtime/docker/runtime-info.ts";
import { CommandRefusedError } from "./command-refused.ts";
import { diskHands, type Hands, networkHands, systemHands } from "./drill/hands.ts";
import { type DrillParts, isSoon, playFaults } from "./drill/play.ts";
import { drillSight } from "./drill/sights.ts";
import { membershipOf } from "./membership.ts";

const UNIT = "remotegpu-drill";
/** Six faults at their bounds take 24 minutes. */
const LONGEST = "45min";
/** A drill is announced with a heartbeat before anything is played. */
const ANNOUNCED_WITHIN_MS = 60_000;

const NOT_JOINED = (stateDir: string) => `${stateDir} belongs to no fleet: join first.`;

type Print = (text: string) => void;
export type DrillOptions = {
  /** The instance under which it is played. */
  canary: string;
  faults: readonly DrillFault[];
  print: Print;
  /** In place of systemd's. */
  hands?: Pick<Hands, "killAgent" | "restartRuntime">;
  /** Names of running containers that are not this agent's; in place of the runtime's word. */
  others?: () => Promise<string[]>;
  limits?: DrillLimits;
};

/**
 * The same command in a unit of its own; its lines go where ours do.
 * @param command of the drill itself, and of what takes back what it played
 * @throws CommandRefusedError
 */
export async function drillInUnit(command: readonly string[], cleanUp: readonly string[]): Promise<number> {
  const settings = Object.keys(process.env).filter((name) => name.startsWith("REMOTEGPU_"));
  const args = [
    `--unit=${UNIT}`,
    "--collect",
    "--wait",
    "--pipe",
    "--quiet",
    `--property=RuntimeMaxSec=${LONGEST}`,
    `--property=ExecStopPost=${cleanUp.join(" ")}`,
    ...settings.map((name) => `--setenv=${name}`),
  ];
  const result = await execa("systemd-run", [...args, ...command], {
    reject: false,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (result.exitCode === undefined)
    throw new CommandRefusedError("A drill needs systemd, which starts the agent again after it was killed.");
  return result.exitCode;
}

/** Takes back what a drill that was killed has left. @throws CommandRefusedError */
export async function cleanUpDrill(config: Config): Promise<void> {
  new DrillFolder(config.stateDir).cleanUp();
  await networkOf(config).mendNetwork();
}

/** Returns the exit code: 0 where every fault was played and survived. @throws CommandRefusedError */
export async function drill(config: Config, options: DrillOptions): Promise<0 | 1> {
  const { stateDir } = config;
  const { print, canary } = options;
  const { grant } = membershipOf(stateDir, NOT_JOINED(stateDir));
  const folder = new DrillFolder(stateDir);
  await cleanUpDrill(config);
  const { run, runtime } = await aloneOnHost(config, options);
  const self = { pid: process.pid, startTicks: (await readProcessStart(process.pid)) ?? 0 };
  const startedAt = new Date().toISOString();
  try {
    const health = await announced(config, { folder, self, canary });
    const gpus = (health.gpus ?? []).map(({ uuid }) => uuid);
    const faults = await playFaults(
      { ...playParts(config, options, { run, runtime, health, folder }), self },
      options.faults.filter((fault) => faultsOf(gpus).includes(fault)),
    );
    const document: DrillDocument = {
      hostId: grant.host_id,
      version: AGENT_VERSION,
      // Programs are looked at some time after an agent's start, so at the end it is surely known.
      driver: (readHealth(stateDir) ?? health).driver ?? null,
      gpus,
      canary,
      startedAt,
      endedAt: new Date().toISOString(),
      faults,
    };
    return conclude(document, { folder, config, print });
  } finally {
    folder.cleanUp();
  }
}

function playParts(
  config: Config,
  { hands, print, limits = DRILL_LIMITS }: DrillOptions,
  {
    run,
    runtime,
    health,
    folder,
  }: { run: RunRecord; runtime: RuntimeInfo; health: AgentHealth; folder: DrillFolder },
): Omit<DrillParts, "self"> {
  const { stateDir, diskBounds: bounds } = config;
  return {
    drill: { canary: run.runId, hasLiveRestore: runtime.liveRestore, card: cardOf(run, health), limits },
    hands: {
      ...systemHands(runtime.name),
      ...hands,
      ...networkOf(config),
      ...diskHands(folder, { stateDir, bounds }),
    },
    folder,
    sight: () => drillSight(stateDir, run.runId),
    onPlayed: (one) => print(textOf(one)),
  };
}

function conclude(
  document: DrillDocument,
  { folder, config, print }: { folder: DrillFolder; config: Config; print: Print },
): 0 | 1 {
  const failed = document.faults.filter(({ result }) => result === "failed").map(({ fault }) => fault);
  if (document.faults.length < faultsOf(document.gpus).length) {
    print("Not every fault was played: there is no certificate.");
    return failed.length === 0 ? 0 : 1;
  }
  const text = JSON.stringify(document);
  folder.setCertificate({ document: text, signature: openHostKey(keyFile(config.stateDir)).sign(text) });
  const isPassed = isDrillPassed(document);
  print(
    isPassed
      ? `Passed on ${document.endedAt}: this host has a certificate.`
      : `Failed: ${failed.join(", ")}. There is no certificate.`,
  );
  return isPassed ? 0 : 1;
}

/** The canary's run, where nothing else runs on this host, of whomever. @throws CommandRefusedError */
async function aloneOnHost(
  config: Config,
  { canary, others }: DrillOptions,
): Promise<{ run: RunRecord; runtime: RuntimeInfo }> {
  const { grant } = membershipOf(config.stateDir, NOT_JOINED(config.stateDir));
  const run = canaryOf(config, canary);
  const docker = new Docker(config.runtimeSocket ?? undefined);
  const [name, ...more] = await (others ?? (() => new Containers(docker, grant.host_id).others()))();
  if (name !== undefined) {
    const names = more.length === 0 ? name : `${name} and ${more.length} more`;
    throw new CommandRefusedError(
      `Containers run here that are not of this agent (${names}): a drill is played on a host that runs nothing but its canary.`,
    );
  }
  return { run, runtime: await runtimeInfo(docker) };
}

function networkOf({ stateDir, server }: Config): Pick<Hands, "cutNetwork" | "mendNetwork"> {
  const { grant, apiUrl } = membershipOf(stateDir, NOT_JOINED(stateDir));
  return networkHands(grant.host_id, [
    ...new Set([...grant.nats_urls, apiUrl, ...(server === null ? [] : [server])]),
  ]);
}

/** The one run of this host, which is the canary's. @throws CommandRefusedError */
function canaryOf({ stateDir }: Config, canary: string): RunRecord {
  const open = readJournal(stateDir, (reading) => reading.state()).runs.filter(({ end }) => end === null);
  const other = open.find(({ instanceId }) => instanceId !== canary);
  if (other !== undefined)
    throw new CommandRefusedError(
      `${other.instanceId} runs here, too: a drill is played on a host that runs nothing but its canary.`,
    );
  const [run] = open;
  if (run === undefined)
    throw new CommandRefusedError(`${canary} does not run here; what does: remotegpu-agent open-runs`);
  return run;
}

/** Says that a drill runs, so that nothing new is placed here, and waits until that is known. @throws CommandRefusedError */
async function announced(
  config: Config,
  {
    folder,
    self,
    canary,
  }: { folder: DrillFolder; self: Pick<Switches, "pid" | "startTicks">; canary: string },
): Promise<AgentHealth> {
  const { stateDir } = config;
  const before = readHealth(stateDir);
  if (!isLocked(stateDir) || before === null || before.readyMs === null)
    throw new CommandRefusedError("The agent does not run, or is not ready yet.");
  if (new UpgradeFolder(dirname(import.meta.dirname)).upgrade() !== null)
    throw new CommandRefusedError("An upgrade of the agent is under way: wait until it is committed.");
  folder.setSwitches({ ...self, clockAheadMs: 0, lostCard: null });
  const isKnown = (health: AgentHealth | null): health is AgentHealth =>
    health?.heardDegraded?.includes("drill") === true && health.heartbeats > before.heartbeats;
  await isSoon(ANNOUNCED_WITHIN_MS, () => isKnown(readHealth(stateDir)));
  const health = readHealth(stateDir);
  if (!isKnown(health))
    throw new CommandRefusedError("The control plane does not answer this agent: nothing was played.");
  canaryOf(config, canary);
  return health;
}

/** One that the canary does not hold, where there is any. @throws CommandRefusedError */
function cardOf({ holding }: RunRecord, { gpus = [] }: AgentHealth): Drill["card"] {
  if (gpus.length === 0) return null;
  const held = new Set<string>(holding?.gpus.map(({ uuid }) => uuid));
  if (held.size === 0)
    throw new CommandRefusedError("The canary has no GPU: order it with one, since this host has GPUs.");
  const { uuid } = gpus.find((gpu) => gpu.state === "well" && !held.has(gpu.uuid)) ?? {};
  return uuid === undefined ? { uuid: [...held][0] as string, isCanarys: true } : { uuid, isCanarys: false };
}

function textOf({ fault, kind, result, seconds, reason }: PlayedFault): string {
  const why = isHostReason(reason) ? `: ${wordingOf(reason, HOST_ENGLISH)}` : "";
  return `${result === "passed" ? "ok    " : "FAILED"}  ${fault} (${kind}), ${seconds} s${why}`;
}
