/**
 * The folder of one version of a dataset or model: its draft is opened for parts, or gone on with, whatever the process
 * that was at it before left; and what it takes and what the disk has left is told.
 */
import { lstat, mkdir, rename, statfs } from "node:fs/promises";
import { DRAFT_FOLDER, FILES_FOLDER, type DraftState } from "@remotegpu/shared/messages/files";
import { stepsOf } from "../../core/files/relative-path.ts";
import { refuseReserved, refuseReservedPath } from "../entries/requested-folder.ts";
import { folderAt, hasCode } from "../entries/made-folders.ts";
import type { HeldEntry } from "../entries/held-entry.ts";
import { FileRefusal } from "../entries/refusal.ts";
import { walk } from "./tree-walk.ts";

/** What is being checked: nothing more is written to it. */
export const SEALING_FOLDER = "sealing";

const BLOCK_BYTES = 512;
const FOLDER_MODE = 0o755;
/** On the host nobody but root comes that far: customers' programs may lie there. */
const MODE_BETWEEN = 0o700;

/** @param folder of the version, below the pool's root; made where it is missing */
export async function openDraft(pool: HeldEntry, folder: Uint8Array): Promise<DraftState> {
  const steps = stepsOf(folder);
  if (steps === null) throw new FileRefusal("bad-path", "file-path-leaves-folder");
  refuseReservedPath(folder);
  using version = await folderAt(pool, steps, { mode: MODE_BETWEEN });
  refuseReserved(pool, version);
  const { bsize, bavail } = await statfs(version.path);
  const isSealed = await has(version, FILES_FOLDER);
  if (!isSealed) {
    if (await has(version, SEALING_FOLDER))
      await rename(
        version.pathOf(Buffer.from(SEALING_FOLDER)),
        version.pathOf(Buffer.from(DRAFT_FOLDER)),
      ).catch(unlessTaken);
    await mkdir(version.pathOf(Buffer.from(DRAFT_FOLDER)), { mode: FOLDER_MODE }).catch(unlessTaken);
  }
  using tree = version.below(Buffer.from(isSealed ? FILES_FOLDER : DRAFT_FOLDER), { isFolder: true });
  return { freeBytes: bsize * bavail, hadBytes: isSealed ? 0 : await bytesIn(tree), isSealed };
}

/** On the disk: a file that is not there yet to its end has less than its length. */
async function bytesIn(tree: HeldEntry): Promise<number> {
  let bytes = 0;
  for await (const { folder, name } of walk(tree)) {
    const { blocks } = await lstat(folder.pathOf(name));
    bytes += blocks * BLOCK_BYTES;
  }
  return bytes;
}

async function has(version: HeldEntry, name: string): Promise<boolean> {
  const stats = await lstat(version.pathOf(Buffer.from(name))).catch(() => null);
  return stats !== null;
}

function unlessTaken(error: unknown): void {
  if (!["EEXIST", "ENOTEMPTY", "ENOENT"].some((code) => hasCode(error, code))) throw error;
}
