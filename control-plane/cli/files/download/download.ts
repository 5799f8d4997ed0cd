/** Fetches a file, or a folder with all that is in it: its small files in one answer, the others one by one. */
import type { FileEntry } from "../../../client/generated/api.schemas.ts";
import { mkdir } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { CliError } from "../../framework/cli-error.ts";
import { below, nameOf, pathQuery } from "../transfer/environment-path.ts";
import { fetchFile, isFolder, opened, type Source } from "../transfer/fetch-file.ts";
import type { Progress } from "../transfer/progress.ts";
import { isSound, SmallFiles } from "./small-files.ts";
import { isTree, partsOf } from "./tree-answer.ts";

/** Entries of a folder; null where the path is a file. */
export async function entriesOf(source: Source, path: Buffer): Promise<FileEntry[] | null> {
  const response = await opened(source, path, { headers: { range: "bytes=0-0" } });
  response.resume();
  return isFolder(response.headers) ? await listed(source, path) : null;
}

export async function listed({ api, read }: Source, path: Buffer): Promise<FileEntry[]> {
  return await api.list(read(pathQuery(path)), Number.MAX_SAFE_INTEGER);
}

/** @throws CliError where it would lead anywhere else */
export function bytesOfName({ name, name_base64: base64 }: FileEntry): Buffer {
  const bytes = base64 === null ? Buffer.from(name) : Buffer.from(base64, "base64url");
  if (/[/\0]|^\.{0,2}$/.test(bytes.toString("latin1")))
    throw new CliError("unavailable", "The server named a file that leads out of its folder.");
  return bytes;
}

interface Target {
  /** The local path; what lies there is replaced. */
  to: Buffer;
  progress: Progress;
  /** Told of links and what else is no file. */
  skipped: (path: string) => void;
}

export async function download(source: Source, path: Buffer, target: Target): Promise<void> {
  const { to, progress } = target;
  const answer = await opened(source, path, { query: { tree: "files" } });
  if (isTree(answer)) return await downloadTree(source, path, answer, target);
  if (!isFolder(answer.headers)) return await fetchFile(source, path, { to, progress, answer });
  answer.resume();
  await downloadEach(source, path, target);
}

async function downloadTree(
  source: Source,
  path: Buffer,
  answer: IncomingMessage,
  { to, progress, skipped }: Target,
): Promise<void> {
  await mkdir(to, { recursive: true });
  const small = new SmallFiles();
  const others: Buffer[] = [];
  for await (const part of partsOf(answer)) {
    const [{ entry, bytes }, target] = [part, below(to, part.path)];
    if (entry.type === "folder") await mkdir(target, { recursive: true });
    else if (entry.type !== "file") skipped(below(path, part.path).toString());
    else if (bytes === null || !isSound(part)) others.push(part.path);
    else {
      await small.put(target, bytes);
      progress.moved(bytes.length, { name: nameOf(part.path).toString(), rest: Number.NaN });
      progress.files += 1;
    }
  }
  await small.end();
  for (const other of others) await fetchFile(source, below(path, other), { to: below(to, other), progress });
}

/** What has no tree of its own: the attempts of a job, the folders of an environment, or a folder of an older host. */
async function downloadEach(source: Source, path: Buffer, { to, ...reported }: Target): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await listed(source, path)) {
    const name = bytesOfName(entry);
    const [from, target] = [below(path, name), below(to, name)];
    if (entry.type === "folder") await download(source, from, { to: target, ...reported });
    else if (entry.type === "file")
      await fetchFile(source, from, { to: target, progress: reported.progress });
    else reported.skipped(from.toString());
  }
}
