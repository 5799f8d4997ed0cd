/**
 * Checks a tree that was brought against the list of what it is to hold, file by file on the disk, and makes it what is
 * mounted once all of it agrees. What the list does not name goes. Until then, and where it does not agree, it is a draft.
 */
import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { chmod, rename, unlink } from "node:fs/promises";
import { DRAFT_FOLDER, FILES_FOLDER, MANIFEST_NAME, ManifestLine } from "@remotegpu/shared/messages/files";
import { stepsOf } from "../../core/files/relative-path.ts";
import { chunksOf } from "@remotegpu/shared/proof/sealed-chunks";
import { inTreeOrder } from "../../core/files/tree-order.ts";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { Checked, Checking } from "../entries/checks.ts";
import { hasCode } from "../entries/made-folders.ts";
import type { HeldEntry } from "../entries/held-entry.ts";
import { FileRefusal } from "../entries/refusal.ts";
import { sumOnDisk } from "../entries/sum-on-disk.ts";
import type { PendingWrites } from "../writing/pending-writes.ts";
import { SEALING_FOLDER } from "./open-draft.ts";
import { SealedLists } from "./sealed-lists.ts";
import { type MetFile, walk } from "./tree-walk.ts";

const FILE_MODE = 0o644;
const PROGRAM_MODE = 0o755;
const LISTED_PATH = 200;
const MAX_LINE = 16_384;

export interface Sealing extends Checking {
  /** Base64 SHA-256 of the list. */
  manifest: string;
  writes: PendingWrites;
}

/** @throws FileRefusal where it does not agree, or the system's error */
export async function seal(version: HeldEntry, sealing: Sealing): Promise<Checked> {
  const path = (name: string) => version.pathOf(Buffer.from(name));
  const isChecked = await moved(path(DRAFT_FOLDER), path(SEALING_FOLDER));
  await sealing.writes.end(version);
  const name = isChecked || (await isThere(version, SEALING_FOLDER)) ? SEALING_FOLDER : FILES_FOLDER;
  try {
    using tree = treeOf(version, name);
    const sealed = await check(version, tree, sealing);
    if (name === SEALING_FOLDER) await rename(path(SEALING_FOLDER), path(FILES_FOLDER));
    return sealed;
  } catch (error) {
    if (name === SEALING_FOLDER) await moved(path(SEALING_FOLDER), path(DRAFT_FOLDER));
    throw error;
  }
}

/** False where there is nothing to move. */
async function moved(from: Buffer, to: Buffer): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

async function isThere(version: HeldEntry, name: string): Promise<boolean> {
  try {
    using found = version.below(Buffer.from(name), { isFolder: true });
    return found.type === "folder";
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

function treeOf(version: HeldEntry, name: string): HeldEntry {
  try {
    return version.below(Buffer.from(name), { isFolder: true });
  } catch (cause) {
    if (!hasCode(cause, "ENOENT")) throw cause;
    throw new FileRefusal("changed", "upload-not-open", { cause });
  }
}

async function check(version: HeldEntry, tree: HeldEntry, sealing: Sealing): Promise<Checked> {
  const met = walk(tree);
  await using lists = await SealedLists.begin(version);
  try {
    const files = await compare(met, version, { ...sealing, lists });
    return { files, merkleRoot: await lists.finish() };
  } finally {
    await met.return(undefined);
  }
}

async function compare(
  met: AsyncGenerator<MetFile>,
  version: HeldEntry,
  sealing: Sealing & { lists: SealedLists },
): Promise<number> {
  const wrong: HostReason[] = [];
  let next = await met.next();
  let before: Uint8Array[] = [];
  let files = 0;
  for await (const { line, bytes } of linesOf(version, sealing)) {
    const steps = stepsOf(Buffer.from(line.path, "base64url"));
    if (steps === null || inTreeOrder(before, steps) >= 0)
      throw new FileRefusal("wrong-bytes", "file-list-unordered");
    before = steps;
    while (next.done !== true && inTreeOrder(next.value.steps, steps) < 0) {
      await unlink(next.value.folder.pathOf(next.value.name));
      next = await met.next();
    }
    sealing.lists.beginFile(line, bytes);
    const found = next.done !== true && inTreeOrder(next.value.steps, steps) === 0 ? next.value : null;
    const fault = await faultOf(found, line, { ...sealing, path: visible(steps) });
    if (fault !== null) wrong.push(fault);
    if (found !== null) next = await met.next();
    await sealing.lists.relieve();
    files += 1;
  }
  while (next.done !== true) {
    await unlink(next.value.folder.pathOf(next.value.name));
    next = await met.next();
  }
  const [fault] = wrong;
  if (fault !== undefined) throw contradicted(fault, wrong.length - 1);
  return files;
}

function contradicted(fault: HostReason, more: number): FileRefusal {
  return new FileRefusal(
    "wrong-bytes",
    more === 0
      ? { code: "file-list-contradicted", params: { fault } }
      : { code: "file-list-contradicted-often", params: { fault, more } },
  );
}

/** How a file is not what the list says; null where it is. */
async function faultOf(
  found: MetFile | null,
  line: ManifestLine,
  sealing: Sealing & { lists: SealedLists; path: string },
): Promise<HostReason | null> {
  const { path } = sealing;
  if (found === null) return { code: "listed-file-missing", params: { path } };
  const { bytes, sha256, isExecutable } = line;
  using held = found.folder.below(found.name, { followsLinks: false });
  if (held.type !== "file") return { code: "listed-file-not-plain", params: { path } };
  const foundBytes = Number(held.stats.size);
  if (foundBytes !== bytes)
    return {
      code: "listed-file-size-differs",
      params: { path, found_bytes: foundBytes, listed_bytes: bytes },
    };
  const file = await held.open(constants.O_RDONLY);
  try {
    const onChunk = chunksOf(bytes) === 1 ? null : (sum: Buffer) => sealing.lists.addChunk(line, sum);
    if ((await sumOnDisk(file, sealing, onChunk)) !== sha256)
      return { code: "listed-file-differs", params: { path } };
  } finally {
    await file.close();
  }
  await chmod(held.path, isExecutable ? PROGRAM_MODE : FILE_MODE);
  return null;
}

/** @throws FileRefusal where the list is missing, is another one, or cannot be read */
async function* linesOf(
  version: HeldEntry,
  { manifest }: Sealing,
): AsyncGenerator<{ line: ManifestLine; bytes: number }> {
  using held = manifestOf(version);
  if (held.type !== "file") throw new FileRefusal("changed", "file-list-missing");
  const hash = createHash("sha256");
  let begun = "";
  for await (const bytes of createReadStream(held.path) as AsyncIterable<Buffer>) {
    hash.update(bytes);
    const lines = (begun + bytes.toString("latin1")).split("\n");
    begun = lines.pop() ?? "";
    if (begun.length > MAX_LINE) throw unreadable();
    for (const line of lines) yield { line: lineOf(line), bytes: line.length + 1 };
  }
  if (begun !== "") throw unreadable();
  if (hash.digest("base64") !== manifest) throw new FileRefusal("changed", "file-list-replaced");
}

function manifestOf(version: HeldEntry): HeldEntry {
  try {
    return version.below(Buffer.from(MANIFEST_NAME), { followsLinks: false });
  } catch (cause) {
    if (!hasCode(cause, "ENOENT")) throw cause;
    throw new FileRefusal("changed", "file-list-missing", { cause });
  }
}

function lineOf(line: string): ManifestLine {
  try {
    return ManifestLine.parse(JSON.parse(line));
  } catch (cause) {
    throw unreadable(cause);
  }
}

function unreadable(cause?: unknown): FileRefusal {
  return new FileRefusal("wrong-bytes", "file-list-unreadable", { cause });
}

function visible(steps: readonly Uint8Array[]): string {
  const path = steps.map((step) => Buffer.from(step).toString("utf8")).join("/");
  return path.length <= LISTED_PATH ? path : `${path.slice(0, LISTED_PATH)}…`;
}
