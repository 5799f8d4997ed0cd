/** `remotegpu env ls|get|put|link`: code and output of an environment, whether it runs or not. */
import { createDownloadLink, readEnvironmentFiles } from "../../client/generated/api.ts";
import type { ReadEnvironmentFilesParams } from "../../client/generated/api.schemas.ts";
import { words } from "../framework/arguments.ts";
import { argument, command, optionalArgument, resourceField, type Command } from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { printDone } from "../framework/output.ts";
import { download } from "./download/download.ts";
import { below, insidePath, nameOf, pathQuery } from "./transfer/environment-path.ts";
import { list, moved } from "./moving.ts";
import { upload } from "./upload/upload.ts";

const environment = () => resourceField("environment", "environment");

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
      await moved(context, environmentFiles(id), `to ${target.toString()}`, (source, reported) =>
        download(source, inside, { to: target, ...reported }),
      );
    },
  });

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
    await moved(context, environmentFiles(id), `to ${target.toString()}`, (source, reported) =>
      upload({ ...source, environment: id }, local, { to: target, ...reported }),
    );
  },
});

const LINK = command({
  name: "download-link",
  summary: "an address by which a browser fetches one file, for ten minutes",
  takes: { environment: environment(), path: argument("path", words()) },
  examples: ["env download-link work output/plot.png"],
  run: async ({ api, output }, { environment: id, path }) => {
    const row = await api.send(createDownloadLink(id, pathQuery(insidePath(path))));
    printDone(output, row.url, row);
  },
});

export function fileCommands(show: Parameters<typeof get>[0]): readonly Command[] {
  return [LS, get(show), PUT, LINK];
}

const environmentFiles = (id: string) => (query: ReadEnvironmentFilesParams) =>
  readEnvironmentFiles(id, query);
