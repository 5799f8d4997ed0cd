/**
 * The remotegpu command as one file, which /cli/remotegpu.mjs hands out. Its builder runs as a process of its own, like the
 * agent's, when the file is first requested; it is then cached in memory, so that it is always this server's and lies nowhere. A
 * package brings the file.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { execa } from "execa";
import type { Log } from "@remotegpu/shared/log";
import { programFiles } from "./installation/program-files.ts";

const BUILDER = new URL("../install/build-cli.ts", import.meta.url).pathname;
const BUILD_MS = 60_000;

export interface CommandFile {
  text: string;
  /** SHA-256 in hex. */
  hash: string;
}

/** Null, with a line in the log, where its sources are not beside us or the build fails; the next who asks tries again. */
export function commandFile(log: Log): () => Promise<CommandFile | null> {
  let built: Promise<CommandFile | null> | null = null;
  const build = async () => {
    const file = await builtFile(log);
    if (file === null) built = null;
    return file;
  };
  return () => (built ??= build());
}

async function builtFile(log: Log): Promise<CommandFile | null> {
  if (programFiles.prebuilt !== null) return withHash(await readFile(programFiles.prebuilt.command, "utf8"));
  if (!existsSync(BUILDER)) {
    log.warn({}, "the command's builder is not beside the control plane; /cli/remotegpu.mjs is not served");
    return null;
  }
  try {
    const { stdout: text } = await execa(process.execPath, [BUILDER], {
      timeout: BUILD_MS,
      stripFinalNewline: false,
      stdin: "ignore",
    });
    return withHash(text);
  } catch (error) {
    log.error({ error }, "the command's file could not be built; /cli/remotegpu.mjs is not served");
    return null;
  }
}

function withHash(text: string): CommandFile {
  return { text, hash: createHash("sha256").update(text).digest("hex") };
}
