/** What this host's container runtime is and can do, asked once per round of the loop. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { QUICK_MS } from "./docker.ts";
import type { Docker } from "./docker.ts";

/** Of the answer to `docker info`. A runtime whose entry cannot be read is known by its name alone. */
export const Info = z.object({
  ServerVersion: z.string(),
  LiveRestoreEnabled: z.boolean().default(false),
  CgroupVersion: z.string().default("1"),
  Driver: z.string(),
  DriverStatus: z.array(z.array(z.string())).nullish(),
  DockerRootDir: z.string(),
  DefaultRuntime: z.string().default("runc"),
  Runtimes: z.record(z.string(), z.object({ path: z.string().nullish() }).catch({})).catch({}),
  CDISpecDirs: z.array(z.string()).nullish(),
  Plugins: z.object({ Log: z.array(z.string()).nullish() }).nullish(),
});

const Version = z.object({ Components: z.array(z.object({ Name: z.string() })).nullish() });

/** What the library takes and its types do not know. */
type WithOptions = Record<"info" | "version", (options: { abortSignal: AbortSignal }) => Promise<unknown>>;

export type RuntimeInfo = {
  /** "docker", "podman", or what else the engine calls itself. */
  name: string;
  version: string;
  /** Containers outlive a restart of the runtime. */
  liveRestore: boolean;
  cgroupVersion: 1 | 2;
  /** Where the runtime looks for CDI specs; empty when CDI is off. */
  cdiSpecDirs: string[];
  hasNvidia: boolean;
  /** What starts a container where nothing else is asked for; its path where the runtime names one, which may be a bare name. */
  ociRuntime: { name: string; path: string | null };
  /** Where the runtime is spoken to. */
  socketPath: string;
  storageDriver: string;
  /** Where it keeps images and containers. */
  dataFolder: string;
  /** Whether the storage driver can bound a container's writable layer. */
  hasLayerQuota: boolean;
  /** Whether it can keep a container's output as the bytes it is. */
  hasLocalLog: boolean;
};

/** @throws RuntimeError, RuntimeDown */
export async function runtimeInfo(docker: Docker): Promise<RuntimeInfo> {
  const [info, name] = await Promise.all([
    request(docker, "info", "ask the runtime about itself").then((raw) => Info.parse(raw)),
    request(docker, "version", "ask the runtime for its name").then((raw) => nameOf(Version.parse(raw))),
  ]);
  return {
    name,
    version: info.ServerVersion,
    // Podman's containers belong to no daemon: each has a keeper of its own.
    liveRestore: info.LiveRestoreEnabled || name === "podman",
    cgroupVersion: info.CgroupVersion === "2" ? 2 : 1,
    cdiSpecDirs: info.CDISpecDirs ?? [],
    hasNvidia: "nvidia" in info.Runtimes,
    ociRuntime: { name: info.DefaultRuntime, path: info.Runtimes[info.DefaultRuntime]?.path ?? null },
    socketPath: docker.socketPath,
    storageDriver: info.Driver,
    dataFolder: info.DockerRootDir,
    hasLayerQuota: await hasLayerQuota(info),
    hasLocalLog: info.Plugins?.Log?.includes("local") ?? false,
  };
}

async function request(docker: Docker, which: keyof WithOptions, what: string): Promise<unknown> {
  return docker.call(what, { deadlineMs: QUICK_MS }, (client, abortSignal) =>
    (client as WithOptions)[which]({ abortSignal }),
  );
}

/** Docker calls its daemon "Engine", Podman its own "Podman Engine". */
export function nameOf({ Components: components }: z.infer<typeof Version>): string {
  const [engine = ""] = (components ?? []).map(({ Name }) => Name).filter((name) => / ?Engine$/.test(name));
  return (
    engine
      .replace(/ ?Engine$/, "")
      .toLowerCase()
      .slice(0, 32) || "docker"
  );
}

/** overlay2 refuses a size on anything but xfs with project quotas, and then the create fails. */
async function hasLayerQuota(info: z.infer<typeof Info>): Promise<boolean> {
  if (info.Driver === "btrfs" || info.Driver === "zfs") return true;
  const backing = (info.DriverStatus ?? []).find(([name]) => name === "Backing Filesystem")?.[1];
  if (info.Driver !== "overlay2" || backing !== "xfs") return false;
  return hasProjectQuota(await readFile("/proc/self/mountinfo", "utf8"), info.DockerRootDir);
}

/** Reads the options of the mount that holds `folder`: the one with the longest mount point above it. */
export function hasProjectQuota(mountinfo: string, folder: string): boolean {
  const holding = mountinfo
    .split("\n")
    .map((line) => ({
      point: line.split(" ")[4] ?? "",
      options: (line.split(" - ")[1]?.split(" ")[2] ?? "").split(","),
    }))
    .filter(({ point }) => point !== "" && `${folder}/`.startsWith(point === "/" ? "/" : `${point}/`))
    .toSorted((a, b) => b.point.length - a.point.length)[0];
  return (
    holding !== undefined && holding.options.some((option) => option === "prjquota" || option === "pquota")
  );
}
