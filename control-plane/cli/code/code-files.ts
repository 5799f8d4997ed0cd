/** What of a folder is the code of a job: everything but what .gitignore files leave out, and what git keeps for itself. */
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { staysBelow } from "@remotegpu/shared/values/inner-link";
import ignore, { type Ignore } from "ignore";
import { CliError } from "../framework/cli-error.ts";
import { safeText } from "../terminal/safe-text.ts";

const EXECUTABLE = 0o100;
const IGNORE_FILE = ".gitignore";
const ALWAYS_LEFT_OUT = [".git"];

/** `path` is below the folder, with slashes. */
export type CodeFile =
  | { type: "file"; path: string; bytes: number; isExecutable: boolean }
  | { type: "folder"; path: string }
  | { type: "link"; path: string; target: string };

interface Rules {
  /** The path of the folder that the file lies in, below the top. */
  folder: string;
  rules: Ignore;
}

/** In the order of a walk, names by their letters. @throws CliError where something in it cannot go along */
export async function codeFiles(top: string): Promise<CodeFile[]> {
  const stats = await lstat(`${top}/.`).catch((cause: unknown) => {
    throw new CliError("usage", `There is no folder ${safeText(top)} here.`, { cause });
  });
  if (!stats.isDirectory()) throw new CliError("usage", `${safeText(top)} is no folder.`);
  const files: CodeFile[] = [];
  await collect(top, { folder: "", rules: [], files });
  return files;
}

async function collect(
  top: string,
  { folder, rules: above, files }: { folder: string; rules: readonly Rules[]; files: CodeFile[] },
): Promise<void> {
  const entries = await readdir(join(top, folder), { withFileTypes: true });
  const own = entries.some((entry) => entry.name === IGNORE_FILE && entry.isFile())
    ? [{ folder, rules: ignore().add(await readFile(join(top, folder, IGNORE_FILE), "utf8")) }]
    : [];
  const rules = [...above, ...own];
  for (const { name } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const stats = await lstat(join(top, path));
    if (ALWAYS_LEFT_OUT.includes(name) || isLeftOut(path, { isFolder: stats.isDirectory(), rules })) continue;
    if (stats.isDirectory()) {
      files.push({ type: "folder", path });
      await collect(top, { folder: path, rules, files });
    } else if (stats.isSymbolicLink()) {
      const target = await readlink(join(top, path));
      if (!staysBelow(path.split("/"), target))
        throw new CliError(
          "usage",
          `${safeText(path)} is a link that leaves the folder, to ${safeText(target)}; list it in ${IGNORE_FILE}, or put a file there.`,
        );
      files.push({ type: "link", path, target });
    } else if (stats.isFile()) {
      const isExecutable = (stats.mode & EXECUTABLE) !== 0;
      files.push({ type: "file", path, bytes: stats.size, isExecutable });
    } else throw new CliError("usage", `${safeText(path)} is no file; list it in ${IGNORE_FILE}.`);
  }
}

/** The innermost file that says anything of it decides, as for git. */
function isLeftOut(
  path: string,
  { isFolder, rules }: { isFolder: boolean; rules: readonly Rules[] },
): boolean {
  for (const { folder, rules: own } of rules.toReversed()) {
    const inside = folder === "" ? path : path.slice(folder.length + 1);
    const { ignored, unignored } = own.test(isFolder ? `${inside}/` : inside);
    if (ignored || unignored) return ignored;
  }
  return false;
}
