/** `remotegpu dataset|model put|ls|get|show`: what is in it, and which versions of it are where. */
import {
  getDataset,
  getModel,
  listDatasetVersions,
  listModelVersions,
  readDatasetFiles,
  readModelFiles,
} from "../../client/generated/api.ts";
import type { Dataset, Model } from "../../client/generated/api.schemas.ts";
import { z } from "zod";
import { words } from "../framework/arguments.ts";
import {
  argument,
  command,
  flag,
  option,
  optionalArgument,
  resourceField,
  type Command,
} from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { CliError } from "../framework/cli-error.ts";
import { printDone, printList, printOne, sizeText } from "../framework/output.ts";
import { safeText } from "../terminal/safe-text.ts";
import { download, entriesOf } from "../files/download/download.ts";
import type { Source } from "../files/transfer/fetch-file.ts";
import { nameOf } from "../files/transfer/environment-path.ts";
import { Progress } from "../files/transfer/progress.ts";
import { printEntries } from "../files/moving.ts";
import { putData } from "./put-data.ts";
import { writeMessage } from "../terminal/outputs.ts";

const STREAMS = 4;
const MAX_STREAMS = 16;

type Kind = "dataset" | "model";

/** The requests of a dataset, or those of a model, which are alike. */
const READING = {
  dataset: { get: getDataset, versions: listDatasetVersions, files: readDatasetFiles },
  model: { get: getModel, versions: listModelVersions, files: readModelFiles },
};

const put = (kind: Kind) =>
  command({
    name: "put",
    summary: "fill it with a folder or a file; one that broke off goes on where it was",
    takes: {
      id: resourceField(kind, kind),
      from: argument("from", words()),
      pool: option("--pool <pool>", "storage pool that it goes into", words()),
      streams: option(
        "--streams <count>",
        `how many parts go over at once; ${STREAMS} unless told`,
        z.coerce.number<string>().int().min(1).max(MAX_STREAMS),
      ),
      follow_links: flag("--follow-links", "store what links lead to in their place"),
    },
    examples: [`${kind} put faces ./faces`, `${kind} put faces ./faces --pool pool-b`],
    more: "Other files than before become a new version: what runs keeps the one that it mounted, what starts gets the new one.",
    run: async (context, { id, from, pool, streams = STREAMS, follow_links: followsLinks }) => {
      const done = await untilInterrupted((signal) =>
        putData({
          api: context.api,
          target: { kind, id },
          from: Buffer.from(from.length > 1 ? from.replace(/\/+$/, "") : from),
          pool,
          followsLinks,
          streams,
          signal,
        }),
      );
      printDone(context.output, done.sentence, { id, ...done.row });
    },
  });

const ls = (kind: Kind) =>
  command({
    name: "ls",
    summary: "list a folder of it",
    takes: { id: resourceField(kind, kind), path: optionalArgument("path", words()) },
    examples: [`${kind} ls faces`, `${kind} ls faces train`],
    run: async (context, { id, path = "" }) => {
      const inside = insideOf(path);
      const entries = await untilInterrupted((signal) =>
        entriesOf(sourceOf(context, kind, { id, signal }), inside),
      );
      printEntries(context.output, entries, inside);
    },
  });

const get = (kind: Kind) =>
  command({
    name: "get",
    summary: "fetch it, or a file or folder of it; one that broke off goes on where it was",
    takes: {
      id: resourceField(kind, kind),
      path: optionalArgument("path", words()),
      to: optionalArgument("to", words()),
    },
    examples: [`${kind} get faces`, `${kind} get faces train ./train`],
    more: "Without PATH all of it comes into a folder of its name. Each file is checked by its SHA-256.",
    run: async (context, { id, path = "", to }) => {
      const inside = insideOf(path);
      const target =
        to ?? (inside.length > 0 ? nameOf(inside).toString() : await folderFor(context, kind, id));
      const progress = new Progress({ what: "fetching", isByLines: true });
      const left: string[] = [];
      try {
        await untilInterrupted((signal) =>
          download(sourceOf(context, kind, { id, signal }), inside, {
            to: Buffer.from(target),
            progress,
            skipped: (skipped) => left.push(skipped),
          }),
        );
      } finally {
        const text = progress.end();
        for (const skipped of left) writeMessage(`${safeText(skipped)} is no file, and was left out.\n`);
        if (progress.files > 0 || left.length > 0)
          printDone(context.output, `${text}, to ${safeText(target)}.`, {
            files: progress.files,
            bytes: progress.movedBytes,
            left_out: left,
          });
      }
    },
  });

const show = (kind: Kind) =>
  command({
    name: "show",
    summary: `one ${kind}, and which versions of it are in which storage pools`,
    takes: { id: resourceField(kind, kind) },
    isWatchable: true,
    run: async ({ api, output }, { id }) => {
      const row = await api.send<Dataset | Model>(READING[kind].get(id));
      const versions = await api.list(READING[kind].versions(id));
      const pools = versions.filter(({ is_mounted: isMounted }) => isMounted);
      const brought = pools.map(({ storage_pool: pool }) => pool);
      const visible = brought.length > 0 ? { ...row, storage_pools: brought } : row;
      printOne(output, output.format === "json" ? { ...visible, versions } : withSizes(visible));
      if (output.format === "json" || output.format === "name" || versions.length === 0) return;
      output.write("\n");
      printList(output, versions, [
        "version",
        "storage_pool",
        ["status", ({ status, is_mounted: isMounted }) => (isMounted ? "ready, mounted" : status)],
        ["size", ({ total_size: size }) => sizeText(size)],
        ["files", ({ file_count: count }) => count],
        "begun_at",
        { whenSeveral: ["why", ({ status_reason: why }) => why] },
      ]);
      for (const { status_reason: why } of versions) if (why !== null) output.write(`${safeText(why)}\n`);
    },
  });

/** For each of the two kinds. */
export function dataFileCommands(kind: Kind): { show: Command; more: readonly Command[] } {
  return { show: show(kind), more: [put(kind), get(kind), ls(kind)] };
}

/** For people: its size in their units. */
function withSizes<One extends Dataset | Model>(row: One) {
  const { total_size: size } = row;
  return { ...row, total_size: typeof size === "number" ? sizeText(size) : size };
}

function sourceOf({ api }: Context, kind: Kind, { id, signal }: { id: string; signal: AbortSignal }): Source {
  return { api, read: (query) => READING[kind].files(id, query), signal };
}

/** Below its root, which "." is. */
function insideOf(path: string): Buffer {
  return Buffer.from(path === "." ? "" : path.replace(/^\/+|\/+$/g, ""));
}

/** The folder of its name, where that can be one. */
async function folderFor({ api }: Context, kind: Kind, id: string): Promise<string> {
  const { name } = await api.send<Dataset | Model>(READING[kind].get(id));
  const isPlain = !name.includes("/") && ![".", ".."].includes(name);
  if (!isPlain)
    throw new CliError("usage", "Its name is no folder's: say where to, as in: get NAME . FOLDER");
  return name;
}

async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ended = new AbortController();
  const end = () => ended.abort();
  process.once("SIGINT", end);
  try {
    return await work(ended.signal);
  } finally {
    process.off("SIGINT", end);
  }
}
