/** What the commands of files have in common: Ctrl-C ends what is on its way, and what was moved is told. */
import type { FileEntry } from "../../client/generated/api.schemas.ts";
import type { Context } from "../framework/context.ts";
import { printDone, printList, sizeText, type Output } from "../framework/output.ts";
import { safeText } from "../terminal/safe-text.ts";
import { entriesOf } from "./download/download.ts";
import type { Source } from "./transfer/fetch-file.ts";
import { nameOf } from "./transfer/environment-path.ts";
import { Progress } from "./transfer/progress.ts";
import { writeMessage } from "../terminal/outputs.ts";

export async function list(context: Context, read: Source["read"], inside: Buffer): Promise<void> {
  const entries = await withSource(context, read, (source) => entriesOf(source, inside));
  printEntries(context.output, entries, inside);
}

/** What a list shows of an entry. */
type ListedEntry = Pick<FileEntry, "name" | "name_base64" | "type" | "size"> &
  Partial<Pick<FileEntry, "modified_at">>;

/** @param entries null where `inside` is a file */
export function printEntries(output: Output, entries: readonly FileEntry[] | null, inside: Buffer): void {
  const file: ListedEntry = { name: nameOf(inside).toString(), name_base64: null, type: "file", size: null };
  printList<ListedEntry>(
    output,
    entries ?? [file],
    ["type", ["size", ({ size }) => sizeText(size)], "modified_at", "name"],
    "Nothing is in there.",
  );
}

async function withSource<T>(
  context: Context,
  read: Source["read"],
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const end = () => ended.abort();
  process.once("SIGINT", end);
  try {
    return await work({
      api: context.api,
      read,
      signal: ended.signal,
    });
  } finally {
    process.off("SIGINT", end);
  }
}

export async function moved(
  context: Context,
  read: Source["read"],
  where: string,
  work: (source: Source, reported: { progress: Progress; skipped: (path: string) => void }) => Promise<void>,
): Promise<void> {
  const progress = new Progress();
  const left: string[] = [];
  try {
    await withSource(context, read, (source) =>
      work(source, { progress, skipped: (path) => left.push(path) }),
    );
  } finally {
    const text = progress.end();
    for (const path of left) writeMessage(`${safeText(path)} is no file, and was left out.\n`);
    if (progress.files > 0 || left.length > 0)
      printDone(context.output, `${text}, ${safeText(where)}.`, {
        files: progress.files,
        bytes: progress.movedBytes,
        left_out: left,
      });
  }
}
