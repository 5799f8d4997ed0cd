/**
 * A file of an environment that comes in parts, each with a request of its own: they lie beside its place under a name
 * that says which file it will be, so that whoever was broken off goes on, also with another host of the pool. Once all of
 * it is there and is what it was said to be, it takes its place in one step.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SealState } from "@remotegpu/shared/messages/files";
import { type Checked, type Checking, Checks } from "../entries/checks.ts";
import { sendChunkSums } from "../entries/chunk-sums.ts";
import { folderAt, hasCode, pathOf } from "../entries/made-folders.ts";
import type { HeldEntry } from "../entries/held-entry.ts";
import { FileRefusal } from "../entries/refusal.ts";
import { sumOnDisk } from "../entries/sum-on-disk.ts";
import { removeTree } from "../entries/tree-removal.ts";
import { chunkOf, takeChunk } from "./chunk-in.ts";
import { FILE_MODE, refuseBeyondRoom, refuseInPlaceOfFolder, takePlace } from "./takes-place.ts";
import { besideName, NAME_BYTES, type WrittenBeside } from "./written-beside.ts";
import { PendingWrites } from "./pending-writes.ts";

/** Something else stands there anew each time: somebody means it. */
const MAX_TRIES = 100;

export interface WholeFile {
  /** What the path lies below, and where in the pool that is. */
  root: HeldEntry;
  folder: Uint8Array;
  steps: readonly Uint8Array[];
  size: number;
  /** Base64. */
  sha256: string;
}

export class FilesInParts {
  readonly #beside: WrittenBeside;
  readonly #writes = new PendingWrites();
  readonly #checks = new Checks();

  constructor(beside: WrittenBeside) {
    this.#beside = beside;
  }

  /** @throws FileRefusal, or the system's error */
  async put(file: WholeFile, offset: number, request: IncomingMessage): Promise<void> {
    const { root, steps, size } = file;
    const chunk = chunkOf(request, { offset, size });
    using folder = await folderAt(root, steps.slice(0, -1));
    await refuseInPlaceOfFolder(folder, nameOf(file));
    using draft = await this.#draftIn(folder, file);
    if (this.#checks.isPending(draft)) throw new FileRefusal("changed", "upload-being-checked");
    // What was found before holds no more.
    await this.#checks.end(draft);
    await this.#writes.during(draft, request, () => takeChunk(draft, chunk, request));
  }

  /** Of what is there of it. @throws FileRefusal, or the system's error */
  async report(file: WholeFile, response: ServerResponse): Promise<void> {
    using folder = file.root.below(pathOf(file.steps.slice(0, -1)), { isFolder: true });
    using draft = folder.below(draftName(file), { followsLinks: false });
    if (!isOwn(draft)) throw new FileRefusal("not-found", "upload-without-parts");
    await sendChunkSums(draft, response);
  }

  /** How far it is checked, or that it has taken its place. @throws FileRefusal, or the system's error */
  async complete(file: WholeFile, isExecutable: boolean): Promise<SealState> {
    using folder = file.root.below(pathOf(file.steps.slice(0, -1)), { isFolder: true });
    using there = heldIn(folder, draftName(file)) ?? heldIn(folder, nameOf(file));
    if (there === null || Number(there.stats.size) !== file.size)
      throw new FileRefusal("changed", "upload-incomplete");
    return await this.#checks.request(there, `${file.sha256} ${isExecutable}`, (checking) =>
      this.#place(file, isExecutable, checking),
    );
  }

  /** It may go on after the request that began it. */
  async #place(file: WholeFile, isExecutable: boolean, checking: Checking): Promise<Checked> {
    const [draft, name] = [draftName(file), nameOf(file)];
    using folder = file.root.below(pathOf(file.steps.slice(0, -1)), { isFolder: true });
    using beside = heldIn(folder, draft);
    // Whoever did not hear that it took its place asks again.
    using placed = beside === null ? heldIn(folder, name) : null;
    const held = beside ?? placed;
    if (held === null) throw new FileRefusal("changed", "upload-gone");
    await this.#writes.end(held);
    const open = await held.open(constants.O_RDONLY);
    try {
      if ((await sumOnDisk(open, checking)) !== file.sha256)
        throw new FileRefusal("wrong-bytes", "upload-differs");
    } finally {
      await open.close();
    }
    const found = { files: 1, merkleRoot: null };
    if (beside === null) return found;
    await takePlace(beside, draft, { folder, name, isExecutable });
    this.#beside.end(draft);
    return found;
  }

  /** As far as it has come, or new. */
  async #draftIn(folder: HeldEntry, file: WholeFile): Promise<HeldEntry> {
    const name = draftName(file);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const there = heldIn(folder, name);
      if (there !== null && isOwn(there)) return there;
      there?.close();
      if (there !== null) await removeTree(folder, name);
      await refuseBeyondRoom(folder, file.size);
      this.#beside.begin(name, {
        folder: file.folder,
        path: pathOf(file.steps.slice(0, -1)),
        isInParts: true,
      });
      try {
        return folder.newFile(name, FILE_MODE);
      } catch (error) {
        if (!hasCode(error, "EEXIST")) throw error;
      }
    }
    throw new FileRefusal("busy", "upload-name-occupied");
  }
}

/** What a container put there under that name belongs to somebody else, or has a second name. */
function isOwn({ type, stats }: HeldEntry): boolean {
  return type === "file" && stats.nlink === 1n && Number(stats.uid) === process.getuid?.();
}

function heldIn(folder: HeldEntry, name: Uint8Array): HeldEntry | null {
  try {
    return folder.below(name, { followsLinks: false });
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

function nameOf({ steps }: WholeFile): Uint8Array {
  const name = steps.at(-1);
  if (name === undefined) throw new FileRefusal("bad-path", "file-path-without-name");
  return name;
}

/** Another one for another file, or another state of it. */
function draftName({ folder, steps, size, sha256 }: WholeFile): Buffer {
  const text = createHash("sha256").update(folder).update("\0").update(pathOf(steps));
  return besideName(text.update(`\0${size} ${sha256}`).digest().subarray(0, NAME_BYTES));
}
