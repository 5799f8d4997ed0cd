/** A part of a file of a version that is brought, written to where it belongs in its draft. */
import type { IncomingMessage } from "node:http";
import { DRAFT_FOLDER } from "@remotegpu/shared/messages/files";
import { folderAt, hasCode } from "../entries/made-folders.ts";
import type { HeldEntry } from "../entries/held-entry.ts";
import { FileRefusal } from "../entries/refusal.ts";
import { removeTree } from "../entries/tree-removal.ts";
import { chunkOf, takeChunk } from "../writing/chunk-in.ts";
import type { PendingWrites } from "../writing/pending-writes.ts";

const FILE_MODE = 0o644;

export interface ChunkPlace {
  steps: readonly Uint8Array[];
  offset: number;
  /** Of the whole file. */
  size: number;
}

/** @throws FileRefusal, or the system's error */
export async function putChunk(
  version: HeldEntry,
  { steps, offset, size }: ChunkPlace,
  { request, writes }: { request: IncomingMessage; writes: PendingWrites },
): Promise<void> {
  const name = steps.at(-1);
  if (name === undefined) throw new FileRefusal("bad-path", "file-path-without-name");
  const chunk = chunkOf(request, { offset, size });
  await writes.during(version, request, async () => {
    using draft = draftOf(version);
    using folder = await folderAt(draft, steps.slice(0, -1), { replacesFiles: true });
    using file = await fileIn(folder, name);
    await takeChunk(file, chunk, request);
  });
}

export function draftOf(version: HeldEntry): HeldEntry {
  try {
    return version.below(Buffer.from(DRAFT_FOLDER), { isFolder: true });
  } catch (cause) {
    if (!hasCode(cause, "ENOENT")) throw cause;
    throw new FileRefusal("changed", "upload-not-open", { cause });
  }
}

/** As it is there, or new; a folder of an earlier try gives way. */
async function fileIn(folder: HeldEntry, name: Uint8Array): Promise<HeldEntry> {
  for (;;) {
    try {
      return folder.newFile(name, FILE_MODE);
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
    const there = folder.below(name, { followsLinks: false });
    if (there.type === "file") return there;
    there.close();
    await removeTree(folder, name);
  }
}
