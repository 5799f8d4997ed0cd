/** How much of the disk runs hold in files that they have deleted and still have open, by what those count as. */
import type { RunId } from "@remotegpu/shared/ids";
import {
  countsAs,
  deletedPlace,
  mountOf,
  mountPoints,
  type DeletedStorage,
  type Ground,
  type OpenDeletedFile,
} from "../../core/deleted-files.ts";
import { findDeletedFiles, lastNameOf, readMountinfo } from "../../host/deleted-files.ts";

/** A run whose open files are looked at. */
export type Opener = Ground & {
  /** Its container's first process, which sees all mounts; null where there is none. */
  firstPid: number | null;
  pids: readonly number[];
};

/**
 * The largest of one run: whose they are is asked of these alone, by their last names. All others count as written by
 * the run that has them open.
 */
const MAX_NAMES = 1_000;

/** Null for a run that has more open than can be counted. */
export async function deletedStorage(openers: readonly Opener[]): Promise<Map<RunId, DeletedStorage | null>> {
  const storages = new Map<RunId, DeletedStorage | null>(
    openers.map(({ runId }) => [runId, { layerBytes: 0, folderBytes: 0 }]),
  );
  // All at once is the least work; should that go beyond a bound, each alone: as a rule one of them is to blame.
  const together = await findDeletedFiles(openers.flatMap(({ pids }) => pids));
  for (const opener of openers) {
    const pids = new Set(opener.pids);
    const files = together?.filter(({ holder }) => pids.has(holder)) ?? (await findDeletedFiles(opener.pids));
    if (files === null) storages.set(opener.runId, null);
    else for (const counted of await countedOf(files, opener, openers)) add(storages, counted);
  }
  return storages;
}

type Counted = { runId: RunId; where: keyof DeletedStorage; bytes: number };

function add(storages: ReadonlyMap<RunId, DeletedStorage | null>, { runId, where, bytes }: Counted): void {
  const storage = storages.get(runId);
  if (storage != null) storage[where] += bytes;
}

async function countedOf(
  files: readonly OpenDeletedFile[],
  opener: Opener,
  all: readonly Opener[],
): Promise<Counted[]> {
  const onDisk = files.flatMap((file) => {
    const place = deletedPlace(file, opener, all);
    return place === null || file.bytes === 0 ? [] : [{ file, place }];
  });
  if (onDisk.length === 0) return [];
  const mounts = opener.firstPid === null ? [] : mountPoints(await readMountinfo(opener.firstPid));
  const counted: Counted[] = [];
  for (const [index, { file, place }] of onDisk.toSorted((a, b) => b.file.bytes - a.file.bytes).entries()) {
    const isNamed = place.where !== "layer" && index < MAX_NAMES;
    const mount = isNamed ? mountOf((await lastNameOf(file)) ?? "", mounts) : null;
    const where = countsAs(place.where, mount);
    if (where !== null) counted.push({ runId: place.runId, where, bytes: file.bytes });
  }
  return counted;
}
