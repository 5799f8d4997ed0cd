/**
 * Files that were deleted and are still open: no name leads to them, so whoever walks folders misses them, and they take
 * up their room until the last process lets go. Here is whose they are and what they count as; finding them is the
 * host's part. What lives in memory (memfd, /dev/shm, any tmpfs) is on none of the devices that count.
 */
import type { RunId } from "@remotegpu/shared/values/ids";

export type OpenDeletedFile = {
  device: number;
  inode: string;
  /** Blocks on the disk: a sparse file takes what is written of it. */
  bytes: number;
  /** The process that has it, by the host's pid. */
  holder: number;
  /** How the host's /proc leads to it: /proc/THREAD/fd/5, /proc/THREAD/exe, /proc/THREAD/map_files/A-B. */
  link: string;
};

/** What a run writes on. */
export type Ground = {
  runId: RunId;
  /** The device of its container's own file system, as programs in it see that. Null: not known. */
  layerDevice: number | null;
  /** The devices of its code and output folders. */
  folderDevices: ReadonlySet<number>;
};

export type DeletedPlace = { runId: RunId; where: "layer" | "folders" | "either" };

const BLOCK_BYTES = 512;
const LINE = /^(\d+) (\d+) (\d+) (\/proc\/(\d+)\/(?:fd\/\d+|exe|map_files\/[0-9a-f]+-[0-9a-f]+))$/;

/** A line of "device inode blocks link"; null for any other, and for a file that takes no block of a disk. */
export function openDeletedFile(line: string, processOf: (thread: number) => number): OpenDeletedFile | null {
  const [, device, inode, blocks, link, thread] = LINE.exec(line) ?? [];
  if (inode === undefined || link === undefined || blocks === "0") return null;
  return {
    device: Number(device),
    inode,
    bytes: Number(blocks) * BLOCK_BYTES,
    holder: processOf(Number(thread)),
    link,
  };
}

/**
 * A file in a container's own file system is that run's, whoever has it open; one on the folders' disk is of the run
 * that has it open. `either`: both lie on one device. Null: it takes no room of anybody.
 */
export function deletedPlace(
  { device }: Pick<OpenDeletedFile, "device">,
  holder: Ground,
  all: readonly Ground[],
): DeletedPlace | null {
  const inFolders = holder.folderDevices.has(device);
  if (holder.layerDevice === device) return { runId: holder.runId, where: inFolders ? "either" : "layer" };
  if (inFolders) return { runId: holder.runId, where: "folders" };
  const owner = all.find(({ layerDevice }) => layerDevice === device);
  return owner === undefined ? null : { runId: owner.runId, where: "layer" };
}

/** Bytes that a run holds in deleted files of its folders, which are paths of the pool. */
export type FoldersDeleted = { sources: readonly string[]; bytes: number };

/**
 * The deleted files of runs with a folder at or below one of these paths of the pool; all folders of a run are one
 * owner's.
 */
export function deletedBelow(paths: readonly string[], runs: readonly FoldersDeleted[]): number {
  const isBelow = (source: string) => paths.some((path) => source === path || source.startsWith(`${path}/`));
  return runs.reduce((sum, { sources, bytes }) => sum + (sources.some(isBelow) ? bytes : 0), 0);
}

export type MountPoint = { point: string; isReadOnly: boolean };

/** The mount points in /proc/PID/mountinfo, with its escapes resolved. */
export function mountPoints(mountinfo: string): MountPoint[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [, , , , point, options] = line.split(" ");
    if (point === undefined || options === undefined) return [];
    const isReadOnly = options.split(",").includes("ro");
    return [{ point: unescaped(point), isReadOnly }];
  });
}

/** The mount that a path of the container lies on; null where none is known. */
export function mountOf(path: string, mounts: readonly MountPoint[]): MountPoint | null {
  // A single file may be mounted too: then it is the mount.
  const holding = mounts.filter(
    ({ point }) => path === point || path.startsWith(point === "/" ? "/" : `${point}/`),
  );
  return holding.toSorted((a, b) => b.point.length - a.point.length)[0] ?? null;
}

export type DeletedStorage = { layerBytes: number; folderBytes: number };

/**
 * Null: not what the run has written.
 * @param mount that it was deleted from; null where that is not known
 */
export function countsAs(
  where: DeletedPlace["where"],
  mount: MountPoint | null,
): keyof DeletedStorage | null {
  if (where === "layer" || (where === "either" && mount?.point === "/")) return "layerBytes";
  // Of a data set: who deleted it there, outside, is not who reads it here.
  return mount?.isReadOnly === true ? null : "folderBytes";
}

function unescaped(point: string): string {
  return point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
