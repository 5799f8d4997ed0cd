/** How much of the disk runs hold in files that they have deleted and still have open, by what those count as. */
import type { RunId } from "@remotegpu/shared/values/ids";
import {
  countsAs,
  deletedPlace,
  mountOf,
  mountPoints,
  type DeletedStorage,
  type Ground,
  type OpenDeletedFile,
} from "../../core/storage/deleted-files.ts";
import {
  findDeletedFiles,
  lastNameOf,
  readMountinfo,
  type DeletedFiles,
} from "../../host/processes/deleted-files.ts";

/** A run whose open files are looked at. */
export type Opener = Ground & {
  /** Its container's first process, which sees all mounts; null where there is none. */
  firstPid: number | null;
  pids: readonly number[];
};

/** What is known of a run, or why nothing is: it has more open than is counted, or the host could not look. */
export type Deleted = { kind: "counted"; storage: DeletedStorage } | Exclude<DeletedFiles, { kind: "found" }>;

/**
 * The largest of one run: whose they are is asked of these alone, by their last names. All others count as written by
 * the run that has them open.
 */
const MAX_NAMES = 1_000;

export async function deletedStorage(openers: readonly Opener[]): Promise<Map<RunId, Deleted>> {
  const found = await filesOfEach(openers);
  const deleted = new Map<RunId, Deleted>(
    openers.map((opener): [RunId, Deleted] => {
      const files = found.get(opener);
      return [
        opener.runId,
        files === undefined || files.kind === "found"
          ? { kind: "counted", storage: { layerBytes: 0, folderBytes: 0 } }
          : files,
      ];
    }),
  );
  for (const [opener, files] of found)
    if (files.kind === "found")
      for (const counted of await countedOf(files.files, opener, openers)) add(deleted, counted);
  return deleted;
}

/** All at once is the least work; should that not come to an end, each alone: as a rule one of them is to blame. */
async function filesOfEach(openers: readonly Opener[]): Promise<Map<Opener, DeletedFiles>> {
  const together = await findDeletedFiles(openers.flatMap(({ pids }) => pids));
  const found = new Map<Opener, DeletedFiles>();
  if (together.kind !== "found") {
    for (const opener of openers)
      found.set(opener, openers.length === 1 ? together : await findDeletedFiles(opener.pids));
    return found;
  }
  const openerOf = new Map(openers.flatMap((opener) => opener.pids.map((pid) => [pid, opener])));
  const files = Map.groupBy(together.files, ({ holder }) => openerOf.get(holder));
  for (const opener of openers) found.set(opener, { kind: "found", files: files.get(opener) ?? [] });
  return found;
}

type Counted = { runId: RunId; where: keyof DeletedStorage; bytes: number };

function add(deleted: ReadonlyMap<RunId, Deleted>, { runId, where, bytes }: Counted): void {
  const ofRun = deleted.get(runId);
  if (ofRun?.kind === "counted") ofRun.storage[where] += bytes;
}

async function countedOf(
  files: readonly OpenDeletedFile[],
  opener: Opener,
  all: readonly Opener[],
): Promise<Counted[]> {
  const onDisk = files.flatMap((file) => {
    const place = deletedPlace(file, opener, all);
    return place === null ? [] : [{ file, place }];
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
