/**
 * The files of the terminal's page. Their builder runs as a process of its own when the first of them is asked for; they
 * are then kept in memory, so that they are always this gateway's and lie nowhere.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import type { Log } from "@remotegpu/shared/log";
import { programFiles } from "../../server/installation/program-files.ts";

const BUILDER = new URL("../../install/build-terminal-page.ts", import.meta.url).pathname;
const BUILD_MS = 60_000;
const Built = z.object({ script: z.string(), style: z.string() });

interface PageFile {
  body: Buffer;
  type: string;
  etag: string;
}

export interface PageFiles {
  /** HTML, with the words NONCE, ICON and TITLE in it. */
  page: string;
  byPath: ReadonlyMap<string, PageFile>;
}

/** Null, with a line in the log, where the build fails; the next who asks tries again. */
export function pageFiles(log: Log): () => Promise<PageFiles | null> {
  let built: Promise<PageFiles | null> | null = null;
  const build = async () => {
    try {
      return await builtFiles();
    } catch (error) {
      log.error({ error }, "the page of the terminal could not be built; it is not served");
      built = null;
      return null;
    }
  };
  return () => (built ??= build());
}

async function builtFiles(): Promise<PageFiles> {
  const [{ script, style }, page] = await Promise.all([
    programFiles.prebuilt === null ? scriptAndStyle() : installedIn(programFiles.prebuilt.terminal),
    readFile(programFiles.terminalPage, "utf8"),
  ]);
  return {
    page,
    byPath: new Map([
      ["/terminal.js", file(script, "text/javascript; charset=utf-8")],
      ["/terminal.css", file(style, "text/css; charset=utf-8")],
    ]),
  };
}

async function scriptAndStyle(): Promise<z.infer<typeof Built>> {
  const { stdout } = await execa(process.execPath, [BUILDER], { timeout: BUILD_MS, stdin: "ignore" });
  return Built.parse(JSON.parse(stdout));
}

async function installedIn(folder: string): Promise<z.infer<typeof Built>> {
  const [script, style] = await Promise.all(
    ["terminal.js", "terminal.css"].map((name) => readFile(join(folder, name), "utf8")),
  );
  return Built.parse({ script, style });
}

function file(text: string, type: string): PageFile {
  const body = Buffer.from(text);
  return { body, type, etag: `"${createHash("sha256").update(body).digest("base64url")}"` };
}
