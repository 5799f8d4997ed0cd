/**
 * The files of the terminal's page. Their builder runs as a process of its own when the first of them is asked for; they
 * are then kept in memory, so that they are always this gateway's and lie nowhere.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { z } from "zod";
import type { Log } from "@remotegpu/shared/log";

const BUILDER = new URL("../../install/build-terminal-page.ts", import.meta.url).pathname;
const PAGE = new URL("page/page.html", import.meta.url);
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
  const [{ stdout }, page] = await Promise.all([
    execa(process.execPath, [BUILDER], { timeout: BUILD_MS, stdin: "ignore" }),
    readFile(PAGE, "utf8"),
  ]);
  const { script, style } = Built.parse(JSON.parse(stdout));
  return {
    page,
    byPath: new Map([
      ["/terminal.js", file(script, "text/javascript; charset=utf-8")],
      ["/terminal.css", file(style, "text/css; charset=utf-8")],
    ]),
  };
}

function file(text: string, type: string): PageFile {
  const body = Buffer.from(text);
  return { body, type, etag: `"${createHash("sha256").update(body).digest("base64url")}"` };
}
