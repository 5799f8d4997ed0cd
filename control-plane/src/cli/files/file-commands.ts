/**
 * `remotegpu env ls|get|put|link`: code and output of an environment, whether it runs or not; and `remotegpu job output
 * ls|get`: what a job has written.
 */
import { words } from "../frame/arguments.ts";
import { argument, command, optionalArgument, thing, type Command, type Group } from "../frame/command.ts";
import type { Context } from "../frame/context.ts";
import { segment } from "../frame/list-command.ts";
import { printDone, printList, safeText, sizeText } from "../frame/output.ts";
import { download, entriesOf, type Source } from "./download.ts";
import { below, insidePath, nameOf, pathQuery, relativePath } from "./environment-path.ts";
import { Progress } from "./progress.ts";
import { upload } from "./upload.ts";

const environment = () => thing("environment", "environment");

const LS = command({
  name: "ls",
  summary: "list a folder of its code or output, also while it is stopped",
  takes: { environment: environment(), path: optionalArgument("path", words()) },
  examples: ["env ls work", "env ls work output/run-1"],
  run: async (context, { environment: id, path = "/gemini" }) => {
    const inside = insidePath(path);
    await list(context, environmentFiles(id), inside);
  },
});

/** @param show the environment itself, where no path is named */
const get = (show: (context: Context, id: string) => Promise<void>) =>
  command({
    name: "get",
    summary: "fetch a file or a folder; one that broke off goes on where it was",
    takes: {
      environment: environment(),
      path: optionalArgument("path", words()),
      to: optionalArgument("to", words()),
    },
    examples: ["env get work output/model.pt", "env get work code ./copy"],
    more: "PATH is below /gemini: code/x is /gemini/code/x. Each file is checked by its SHA-256. Links are left out.",
    run: async (context, { environment: id, path, to }) => {
      if (path === undefined) return await show(context, id);
      const inside = insidePath(path);
      const target = to === undefined ? nameOf(inside) : Buffer.from(to);
      await moved(context, environmentFiles(id), `to ${target.toString()}`, (source, told) =>
        download(source, inside, { to: target, ...told }),
      );
    },
  });

/** Behind `remotegpu job`. A path is relative to the job's output, where its attempts are. */
export const JOB_OUTPUT: Group = {
  name: "output",
  summary: "what a job has written, attempt by attempt, also long after its end",
  members: [
    command({
      name: "ls",
      summary: "list its attempts, or a folder of one",
      takes: { job: thing("job", "job"), path: optionalArgument("path", words()) },
      examples: ["job output ls train", "job output ls train attempt-1/checkpoints"],
      run: async (context, { job, path = "" }) => await list(context, jobOutput(job), relativePath(path)),
    }),
    command({
      name: "get",
      summary: "fetch a file or a folder of it, or all; what broke off goes on where it was",
      takes: {
        job: thing("job", "job"),
        path: optionalArgument("path", words()),
        to: optionalArgument("to", words()),
      },
      examples: ["job output get train attempt-1/model.pt", "job output get train"],
      more: "Without PATH all attempts come into a folder of the job's id. Each file is checked by its SHA-256. Links are left out.",
      run: async (context, { job, path = "", to }) => {
        const inside = relativePath(path);
        const named = path === "" ? Buffer.from(job) : nameOf(inside);
        const target = to === undefined ? named : Buffer.from(to);
        await moved(context, jobOutput(job), `to ${target.toString()}`, (source, told) =>
          download(source, inside, { to: target, ...told }),
        );
      },
    }),
  ],
};

const PUT = command({
  name: "put",
  summary: "bring a file or a folder, also while it is stopped",
  takes: {
    environment: environment(),
    from: argument("from", words()),
    path: optionalArgument("path", words()),
  },
  examples: ["env put work train.py", "env put work ./data code/data"],
  more: "Without PATH it goes to /gemini/code under its own name; a PATH that ends in / is the folder that it goes into.",
  run: async (context, { environment: id, from, path = "code/" }) => {
    const local = Buffer.from(from.length > 1 ? from.replace(/\/+$/, "") : from);
    const inside = insidePath(path);
    const target = path.endsWith("/") ? below(inside, nameOf(local)) : inside;
    await moved(context, environmentFiles(id), `to ${target.toString()}`, (source, told) =>
      upload(source, local, { to: target, ...told }),
    );
  },
});

const LINK = command({
  name: "download-link",
  summary: "an address by which a browser fetches one file, for ten minutes",
  takes: { environment: environment(), path: argument("path", words()) },
  examples: ["env download-link work output/plot.png"],
  run: async ({ api, output }, { environment: id, path }) => {
    const row = await api.post(`/environments/${segment(id)}/download-links`, pathQuery(insidePath(path)));
    printDone(output, String(row.url), row);
  },
});

export function fileCommands(show: Parameters<typeof get>[0]): readonly Command[] {
  return [LS, get(show), PUT, LINK];
}

const environmentFiles = (id: string) => `/environments/${segment(id)}/files`;
const jobOutput = (id: string) => `/training-jobs/${segment(id)}/output`;

async function list(context: Context, route: string, inside: Buffer): Promise<void> {
  const entries = await withSource(context, route, (source) => entriesOf(source, inside));
  const shown = entries ?? [{ name: nameOf(inside).toString(), name_base64: null, type: "file", size: null }];
  printList(
    context.output,
    shown,
    ["type", ["size", ({ size }) => sizeText(size)], "modified_at", "name"],
    "Nothing is in there.",
  );
}

async function withSource<T>(
  context: Context,
  route: string,
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const end = () => ended.abort();
  process.once("SIGINT", end);
  try {
    return await work({
      api: context.api,
      route,
      signal: ended.signal,
    });
  } finally {
    process.off("SIGINT", end);
  }
}

async function moved(
  context: Context,
  route: string,
  where: string,
  work: (source: Source, told: { progress: Progress; skipped: (path: string) => void }) => Promise<void>,
): Promise<void> {
  const progress = new Progress();
  const left: string[] = [];
  try {
    await withSource(context, route, (source) =>
      work(source, { progress, skipped: (path) => left.push(path) }),
    );
  } finally {
    const said = progress.end();
    for (const path of left) process.stderr.write(`${safeText(path)} is no file, and was left out.\n`);
    if (progress.files > 0 || left.length > 0)
      printDone(context.output, `${said}, ${safeText(where)}.`, {
        files: progress.files,
        bytes: progress.movedBytes,
        left_out: left,
      });
  }
}
