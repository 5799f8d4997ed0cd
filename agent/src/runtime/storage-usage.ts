/**
 * How many bytes a run has written, where the storage driver sets no bound itself: its container's own layer, and
 * its code and output folders. Measuring walks the files, so it is done seldom and one run at a time.
 */
import { execa } from "execa";
import { z } from "zod";
import { WORK_MS } from "./docker.ts";
import type { Docker } from "./docker.ts";
import { isStatus } from "./runtime-error.ts";

const FOLDER_MS = 60_000;

const Sizes = z.object({ SizeRw: z.number().nonnegative().nullish() });

/** Bytes of the container's writable layer; null when the container is gone. @throws RuntimeError, RuntimeDown */
export async function layerBytes(docker: Docker, containerId: string): Promise<number | null> {
  try {
    const raw: unknown = await docker.call(
      "measure a container",
      { deadlineMs: WORK_MS },
      // The library's types lack the size.
      (client, abortSignal) =>
        client.getContainer(containerId).inspect({ size: true, abortSignal } as object),
    );
    return Sizes.parse(raw).SizeRw ?? 0;
  } catch (error) {
    if (isStatus(error, 404)) return null;
    throw error;
  }
}

/**
 * Bytes on the disk below these folders, other file systems left out. Null when they could not be measured in
 * time: that is no reason to stop anything.
 */
export async function folderBytes(folders: readonly string[]): Promise<number | null> {
  if (folders.length === 0) return 0;
  const result = await execa(
    "nice",
    ["-n", "10", "du", "-s", "-c", "-x", "--block-size=1", "--", ...folders],
    { reject: false, timeout: FOLDER_MS, stdin: "ignore" },
  );
  // `du` says 1 when a file went away under it; its sum still stands.
  const total = /^(\d+)\ttotal$/m.exec(result.stdout ?? "")?.[1];
  return total === undefined ? null : Number(total);
}
