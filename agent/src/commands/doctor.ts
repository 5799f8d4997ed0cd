/**
 * `doctor`: is what this host knows whole, and is what runs here what it knows? Reads and changes nothing, beside a
 * running agent or without one. Each examination is a group of checks; one that cannot be made says why.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SqliteError } from "better-sqlite3";
import { type Check, type CheckResult, exitCodeOf, reportJson, reportText } from "@remotegpu/shared/doctor";
import type { HostId } from "@remotegpu/shared/values/ids";
import { ACCESS_FILE, readLeases } from "../access/store/lease-store.ts";
import type { Config } from "../config/config.ts";
import type { ImageBounds } from "../core/images/image-cleaning.ts";
import { doubtsAbout, withLeftBehind } from "../core/runs/left-behind.ts";
import { ownedContainers } from "../core/runs/run-view.ts";
import { checkHost, HOST_CHECKS } from "./doctor/host-checks.ts";
import { checkImages, IMAGE_CHECKS } from "./doctor/image-checks.ts";
import { checkJournal, JOURNAL_CHECKS } from "./doctor/journal-checks.ts";
import type { StrayGroup } from "./doctor/left-processes.ts";
import { checkLimits, LIMIT_CHECKS } from "./doctor/limit-checks.ts";
import { checkPorts, PORT_CHECKS } from "./doctor/port-checks.ts";
import { monotonicMs, readBootId } from "../host/clock.ts";
import { ContainerGroups } from "../host/processes/container-groups.ts";
import { readKernelLimits } from "../host/kernel-limits.ts";
import { NvidiaSmi } from "../host/gpus/nvidia-smi/nvidia-smi.ts";
import { NvidiaSmiError } from "../host/gpus/nvidia-smi/nvidia-smi-error.ts";
import { diskRoom } from "../host/disk-room.ts";
import { ACCESS_LOCK_FILE, isLocked } from "../journal/database/folder-lock.ts";
import { NoJournalError, readJournal, UnreadableJournalError } from "../journal/journal-reading.ts";
import type { Clock } from "../host/moment.ts";
import { Containers } from "../runtime/containers.ts";
import { Docker } from "../runtime/docker/docker.ts";
import { Images } from "../runtime/images/images.ts";
import { RuntimeDown, RuntimeError } from "../runtime/docker/runtime-error.ts";
import { runtimeInfo } from "../runtime/docker/runtime-info.ts";
import { membershipOf } from "./membership.ts";

export type Patient = {
  hostId: HostId;
  stateDir: string;
  /** Null: Docker's own. */
  runtimeSocket: string | null;
  imageBounds: ImageBounds;
  /** Whether an agent of this host is to raise the kernel's limits. */
  raisesLimits: boolean;
  clock: Pick<Clock, "bootId" | "monotonicMs">;
  /** The command that lists the cards. */
  nvidiaSmiPath: string;
};

type Examination = {
  checks: readonly Check[];
  make: (patient: Patient) => Promise<CheckResult[]> | CheckResult[];
};

const EXAMINATIONS: readonly Examination[] = [
  { checks: JOURNAL_CHECKS, make: ({ stateDir }) => readJournal(stateDir, checkJournal) },
  { checks: HOST_CHECKS, make: examineHost },
  { checks: PORT_CHECKS, make: examinePorts },
  { checks: IMAGE_CHECKS, make: examineImages },
  {
    checks: LIMIT_CHECKS,
    make: ({ raisesLimits }) => checkLimits(readKernelLimits(), { isAgentsTask: raisesLimits }),
  },
];

/** What keeps a claim from being checked at all. */
const OBSTACLES = [NoJournalError, UnreadableJournalError, RuntimeDown, RuntimeError, SqliteError];

type Options = { json?: boolean | undefined };
/** 0 all well, 1 something is broken, 2 something could not be checked. */
type ExitCode = 0 | 1 | 2;

/** @throws CommandRefusedError */
export async function doctor(
  { stateDir, runtimeSocket, imageBounds, raisesLimits, nvidiaSmiPath }: Config,
  options: Options,
  print: (text: string) => void,
): Promise<ExitCode> {
  const { grant } = membershipOf(stateDir, `${stateDir} belongs to no fleet yet: there is nothing to check.`);
  const clock = { bootId: await readBootId(), monotonicMs };
  return await examine(
    { hostId: grant.host_id, stateDir, runtimeSocket, imageBounds, raisesLimits, clock, nvidiaSmiPath },
    options,
    print,
  );
}

export async function examine(
  patient: Patient,
  { json = false }: Options,
  print: (text: string) => void,
): Promise<ExitCode> {
  const results: CheckResult[] = [];
  for (const { checks, make } of EXAMINATIONS) {
    try {
      results.push(...(await make(patient)));
    } catch (error) {
      if (!(error instanceof Error && OBSTACLES.some((obstacle) => error instanceof obstacle))) throw error;
      results.push(
        ...checks.map((check) => ({ ...check, state: "not-checked" as const, reason: error.message })),
      );
    }
  }
  print(json ? reportJson(results) : reportText(results));
  return exitCodeOf(results);
}

/** A host on which no access process ever ran has no leases, and nothing of them can be wrong. */
async function examinePorts({ stateDir }: Patient): Promise<CheckResult[]> {
  const hasLeases = existsSync(join(stateDir, ACCESS_FILE));
  return checkPorts(() => ({
    ...(hasLeases ? readLeases(stateDir) : { leases: [], damaged: [] }),
    isAccessRunning: isLocked(stateDir, ACCESS_LOCK_FILE),
  }));
}

async function examineImages({ stateDir, runtimeSocket, imageBounds }: Patient): Promise<CheckResult[]> {
  const docker = new Docker(runtimeSocket ?? undefined);
  const images = new Images(docker);
  const { pulledImages: pulled, wantedImages } = readJournal(stateDir, (reading) => reading.state());
  const [stored, usedIds, wantedIds, info] = await Promise.all([
    images.list(),
    images.used(),
    images.idsOf(wantedImages),
    runtimeInfo(docker),
  ]);
  const disk = await diskRoom(info.dataFolder);
  if (disk === null) throw new RuntimeError(`the disk of ${info.dataFolder} does not tell its room`);
  const wanted = [...wantedImages, ...wantedIds];
  const hold = { images: stored, pulled, usedIds, wanted, disk, nowMs: Date.now() };
  return checkImages(hold, imageBounds);
}

async function examineHost(patient: Patient): Promise<CheckResult[]> {
  const { hostId, stateDir, runtimeSocket, clock } = patient;
  const runtime = new Containers(new Docker(runtimeSocket ?? undefined), hostId);
  const groups = new ContainerGroups();
  return checkHost(async () => {
    // The journal first: a container that it names was made before it was read.
    const journal = readJournal(stateDir, (reading) => reading.state());
    // Where this runtime's groups lie shows by any container of its own, and by what the journal wrote down.
    for (const id of await runtime.everyId()) groups.find(id);
    for (const { holding } of journal.runs)
      if (holding !== undefined) groups.processesOf(holding.containerId, holding.group);
    // And the groups before the containers: one that is being made has its group last.
    const holders = groups.holders();
    const reported = await runtime.list();
    const everyId = await runtime.everyId();
    const isKnown = (id: string) => reported.some(({ containerId }) => containerId === id);
    // What the runtime knows under another host's name was not removed, whatever the journal says.
    const runs = journal.runs.filter(
      ({ holding }) =>
        holding === undefined || isKnown(holding.containerId) || !everyId.has(holding.containerId),
    );
    const alive = new Map(
      doubtsAbout(reported, runs).map(({ containerId, group }) => [
        containerId,
        groups.processesOf(containerId, group),
      ]),
    );
    const observed = withLeftBehind(reported, { hostId, runs, alive });
    const strays = holders.filter(({ containerId }) => !everyId.has(containerId));
    return {
      journal,
      containers: ownedContainers({ hostId, observed }),
      strays: strays.length === 0 ? [] : await withTheirCards(strays, patient),
      isAgentRunning: isLocked(stateDir),
      bootId: clock.bootId,
      nowMs: clock.monotonicMs(),
    };
  });
}

/** What nvidia-smi does not tell, or on a host without it, is left out: the processes are named all the same. */
async function withTheirCards(
  strays: readonly Omit<StrayGroup, "gpus">[],
  { nvidiaSmiPath }: Patient,
): Promise<StrayGroup[]> {
  const processes = await cardProcesses(nvidiaSmiPath);
  return strays.map(({ containerId, pids }) => {
    const gpus = processes.filter(({ pid }) => pids.includes(pid)).map(({ gpuUuid }) => gpuUuid);
    return { containerId, pids, gpus: [...new Set(gpus)] };
  });
}

async function cardProcesses(path: string): Promise<{ pid: number; gpuUuid: string }[]> {
  try {
    return (await new NvidiaSmi({ path, simulated: false }).inventory()).processes;
  } catch (error) {
    if (!(error instanceof NvidiaSmiError)) throw error;
    return [];
  }
}
