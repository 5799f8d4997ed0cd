/**
 * What a running container has used so far, read from the kernel's files and the log file of the runtime: a few small
 * files each, and no question to the runtime, whose own figures take seconds.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { cpuMsOfStat, cpuMsOfUsage, networkBytesOf } from "../../core/container/figure-texts.ts";

export type ContainerFigures = {
  cpuMs: number | null;
  networkInBytes: number | null;
  networkOutBytes: number | null;
  lastOutputAgeMs: number | null;
};

export function readContainerFigures({
  containerId,
  pid,
  cpuFiles,
  dataFolder,
  wallMs,
}: {
  containerId: string;
  /** One of its processes, by the host's number. */
  pid: number;
  /** Of its control group, the first that is there counts. */
  cpuFiles: readonly string[];
  /** Where the runtime keeps its containers; null while that is not known. */
  dataFolder: string | null;
  wallMs: number;
}): ContainerFigures {
  const network = networkBytesOf(readIfThere(`/proc/${pid}/net/dev`) ?? "");
  const writtenMs = dataFolder === null ? null : lastOutputMs(dataFolder, containerId);
  return {
    cpuMs: cpuMsOf(cpuFiles),
    networkInBytes: network?.inBytes ?? null,
    networkOutBytes: network?.outBytes ?? null,
    lastOutputAgeMs: writtenMs === null ? null : Math.max(0, Math.floor(wallMs - writtenMs)),
  };
}

function cpuMsOf(files: readonly string[]): number | null {
  for (const path of files) {
    const text = readIfThere(path);
    const cpuMs = text === null ? null : (cpuMsOfUsage(text) ?? cpuMsOfStat(text));
    if (cpuMs !== null) return cpuMs;
  }
  return null;
}

/** Of Docker's `local` and `json-file` logs, and of Podman's; null where none is, or nothing was ever written. */
function lastOutputMs(dataFolder: string, containerId: string): number | null {
  const candidates = [
    join(dataFolder, "containers", containerId, "local-logs", "container.log"),
    join(dataFolder, "containers", containerId, `${containerId}-json.log`),
    join(dataFolder, "overlay-containers", containerId, "userdata", "ctr.log"),
  ];
  for (const path of candidates) {
    const found = absentAsNull(() => statSync(path));
    if (found !== null) return found.size === 0 ? null : found.mtimeMs;
  }
  return null;
}

function readIfThere(path: string): string | null {
  return absentAsNull(() => readFileSync(path, "utf8"));
}

/** Gone before or while it was read. */
const ABSENCE = new Set(["ENOENT", "ENODEV", "ENOTDIR", "ESRCH", "EINVAL"]);

function absentAsNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "code" in error && ABSENCE.has(String(error.code))) return null;
    throw error;
  }
}
