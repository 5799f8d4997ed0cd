/**
 * How many bytes a run has written, where the storage driver sets no bound itself: its container's own layer, and
 * its code and output folders. Measured are blocks on the disk. Measuring walks the files, so it is done seldom and one
 * run at a time; what is deleted and still open no walk finds (host/processes/deleted-files.ts).
 */
import { lstat, stat } from "node:fs/promises";
import { execa } from "execa";
import { z } from "zod";
import { WORK_MS } from "../docker/docker.ts";
import type { Docker } from "../docker/docker.ts";
import { isStatus } from "../docker/runtime-error.ts";

const FOLDER_MS = 60_000;
const BLOCK_BYTES = 512;

const Inspected = z.object({
  SizeRw: z.number().nonnegative().nullish(),
  GraphDriver: z
    .object({
      Data: z
        .object({
          UpperDir: z.string().nullish(),
          MergedDir: z.string().nullish(),
        })
        .nullish(),
    })
    .nullish(),
  HostsPath: z.string().nullish(),
  HostnamePath: z.string().nullish(),
  ResolvConfPath: z.string().nullish(),
  State: z.object({ Pid: z.number().nullish() }).nullish(),
});
type Inspected = z.infer<typeof Inspected>;

/** What a container writes on, beside folders of the pool. */
export type Layer = {
  /** Folder of the host with all that was written; null where the storage driver has none to show. */
  upper: string | null;
  /** Files of the host that the runtime puts in it, writable (/etc/hosts and others): they lie outside of the layer. */
  beside: readonly string[];
  /** Of its file system, as programs in it see it; null while it does not run. */
  device: number | null;
  /** Device of the host's file system that it lies on; null where that is not to be seen. */
  disk: number | null;
};

/** Null when the container is gone. @throws RuntimeError, RuntimeDown */
export async function layerOf(docker: Docker, containerId: string): Promise<Layer | null> {
  const inspected = await inspect(docker, containerId, false);
  if (inspected === null) return null;
  const { UpperDir, MergedDir } = inspected.GraphDriver?.Data ?? {};
  const pid = inspected.State?.Pid ?? 0;
  // Seen through its first process, a container that shows no such folder.
  const root = MergedDir ?? (pid > 0 ? `/proc/${pid}/root/` : null);
  return {
    upper: UpperDir ?? null,
    beside: [inspected.HostsPath, inspected.HostnamePath, inspected.ResolvConfPath].flatMap(
      (path) => path || [],
    ),
    device: root === null ? null : await deviceOf(root),
    disk: UpperDir == null ? null : await deviceOf(UpperDir),
  };
}

/** Bytes of the container's writable layer; null when the container is gone. @throws RuntimeError, RuntimeDown */
export async function layerBytes(docker: Docker, containerId: string, layer: Layer): Promise<number | null> {
  if (layer.upper !== null) return diskUsage([layer.upper]);
  const inspected = await inspect(docker, containerId, true);
  return inspected === null ? null : (inspected.SizeRw ?? 0);
}

/** Bytes of what the runtime lays beside a layer. */
export async function besideBytes({ beside }: Layer): Promise<number> {
  const sizes = await Promise.all(
    beside.map((path) =>
      lstat(path).then(
        ({ blocks }) => blocks * BLOCK_BYTES,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * Bytes on the disk below these folders, other file systems left out. Null when they could not be measured in
 * time: that is no reason to stop anything.
 */
export async function diskUsage(paths: readonly string[]): Promise<number | null> {
  if (paths.length === 0) return 0;
  const result = await execa("nice", ["-n", "10", "du", "-s", "-c", "-x", "--block-size=1", "--", ...paths], {
    reject: false,
    timeout: FOLDER_MS,
    // The word before its sum is a translated one elsewhere.
    env: { LC_ALL: "C" },
    stdin: "ignore",
  });
  // `du` says 1 when a file went away under it; its sum still stands.
  const total = /^(\d+)\ttotal$/m.exec(result.stdout ?? "")?.[1];
  return total === undefined ? null : Number(total);
}

/** Null where nothing is there, as of a file system that was taken away. */
export async function deviceOf(path: string): Promise<number | null> {
  return await stat(path).then(
    ({ dev }) => dev,
    () => null,
  );
}

async function inspect(docker: Docker, containerId: string, size: boolean): Promise<Inspected | null> {
  try {
    const raw: unknown = await docker.call(
      "measure a container",
      { deadlineMs: WORK_MS },
      // The library's types lack the size.
      (client, abortSignal) => client.getContainer(containerId).inspect({ size, abortSignal } as object),
    );
    return Inspected.parse(raw);
  } catch (error) {
    if (isStatus(error, 404)) return null;
    throw error;
  }
}
