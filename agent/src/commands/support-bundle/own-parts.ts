/** The parts of a support bundle that this program reads of its own files and of the runtime. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { ACCESS_FILE, readLeases } from "../../access/store/lease-store.ts";
import { credentialFile, type Config } from "../../config/config.ts";
import { isLocked } from "../../journal/database/folder-lock.ts";
import { readJournal } from "../../journal/journal-reading.ts";
import { readHealth } from "../../host/health-file.ts";
import { UpgradeFolder } from "../../host/upgrades/upgrade-folder.ts";
import { loadCredential } from "../../link/credential.ts";
import { Containers } from "../../runtime/containers.ts";
import { type Docker, QUICK_MS } from "../../runtime/docker/docker.ts";
import { runtimeInfo } from "../../runtime/docker/runtime-info.ts";

/** Its ends, what is confirmed, whether it is whole, and how much is in it. */
export function journalFigures({ stateDir }: Config): unknown {
  return readJournal(stateDir, (reading) => {
    const { runs, intervals, damaged } = reading.state();
    const { agentEpoch, desired, leases } = reading.snapshot();
    const { term, generation, confirmedStops, instances } = desired.read();
    return {
      is_agent_running: isLocked(stateDir),
      schema: reading.schema(),
      complaint: reading.complaint(),
      meta: reading.meta(),
      agent_epoch: agentEpoch,
      desired: { term, generation, confirmed_stops: confirmedStops, instances: instances.length },
      desired_leases: leases.length,
      open_intervals: intervals.length,
      damaged,
      runs: runs.map(({ runId, instanceId, placementEpoch, starts, containerId, stop, end, trouble }) => ({
        run: runId,
        instance: instanceId,
        epoch: placementEpoch,
        container: containerId,
        starts,
        stop: stop?.cause ?? null,
        trouble: trouble?.problem ?? null,
        end: end === null ? null : { phase: end.phase, problem: end.problem, exit_code: end.exitCode },
      })),
    };
  });
}

/** A host on which no access process ever ran has none. */
export function leaseFigures({ stateDir }: Config): unknown {
  if (!existsSync(join(stateDir, ACCESS_FILE))) return { leases: [], damaged: [] };
  const { leases, damaged } = readLeases(stateDir);
  return {
    damaged,
    leases: leases.map((lease) => ({
      lease: lease.leaseId,
      workload: lease.workloadId,
      service: lease.service,
      state: lease.state,
      port: lease.externalPort,
      released_because: lease.releasedBecause,
      bytes_in: lease.bytesIn,
      bytes_out: lease.bytesOut,
    })),
  };
}

/** Who this host is in its fleet; null where it has not joined. Without its key. */
export function membershipFigures({ stateDir }: Config): unknown {
  const credential = loadCredential(credentialFile(stateDir));
  return credential && { host: credential.grant.host_id, api: new URL(credential.apiUrl).host };
}

/** Ids, owners and states: no image, variable, command, label or mount of theirs. @throws RuntimeError, RuntimeDown */
export async function containerFigures({ stateDir }: Config, docker: Docker): Promise<unknown> {
  const credential = loadCredential(credentialFile(stateDir));
  if (credential === null) throw new Error(`${stateDir} belongs to no fleet yet`);
  const containers = await new Containers(docker, credential.grant.host_id).list();
  return containers.map(({ containerId, owner, status }) => ({
    container: containerId,
    instance: owner?.instanceId ?? null,
    run: owner?.runId ?? null,
    epoch: owner?.placementEpoch ?? null,
    gpus: owner?.gpus.map(({ uuid }) => uuid) ?? [],
    status,
  }));
}

/** What `docker info` and `docker version` say, without proxies, registries and labels. @throws RuntimeError, RuntimeDown */
export async function runtimeFigures(docker: Docker): Promise<unknown> {
  const [summary, info, version] = await Promise.all([
    runtimeInfo(docker),
    docker.call("ask for a summary", { deadlineMs: QUICK_MS }, (client) => client.info() as Promise<object>),
    docker.call("ask for versions", { deadlineMs: QUICK_MS }, (client) => client.version()),
  ]);
  const components = version.Components?.map(({ Name: name, Version: number }) => ({
    name,
    version: number,
  }));
  return { summary, info: named(info, INFO_FIELDS), api: version.ApiVersion, components };
}

const INFO_FIELDS = [
  ..."Containers ContainersRunning ContainersPaused ContainersStopped Images Driver DriverStatus".split(" "),
  ..."CgroupDriver CgroupVersion KernelVersion OperatingSystem OSVersion OSType Architecture NCPU MemTotal".split(
    " ",
  ),
  ..."NFd NGoroutines NEventsListener LoggingDriver SecurityOptions DefaultRuntime LiveRestoreEnabled".split(
    " ",
  ),
  ..."DockerRootDir ServerVersion Warnings CDISpecDirs InitBinary SystemTime Debug".split(" "),
];

function named(values: object, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => fields.includes(name)));
}

/** How upgrades of this host stand, without where a release comes from. */
export function upgradeFigures(): unknown {
  const folder = new UpgradeFolder(dirname(import.meta.dirname));
  const withoutSource = (value: object | null) => value && { ...value, source: undefined };
  return {
    current: folder.linked("current"),
    previous: folder.linked("previous"),
    committed: folder.linked("committed"),
    under_way: withoutSource(folder.upgrade()),
    requested: withoutSource(folder.request()),
    results: folder.results(),
    refused: folder.refused(),
  };
}

/** What the running agent last wrote of itself; null where none did. */
export function healthFigures({ stateDir }: Config): unknown {
  return readHealth(stateDir);
}
