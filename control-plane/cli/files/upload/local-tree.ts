/**
 * The files of a folder here, in the order in which the host will walk through them. A dataset holds files alone, so a link
 * among them has to be decided: it is refused, or what it leads to is taken in its place.
 */
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { CliError } from "../../framework/cli-error.ts";
import { safeText } from "../../terminal/safe-text.ts";
import { below, nameOf } from "../transfer/environment-path.ts";

export interface LocalFile {
  /** Where it is here. */
  from: Buffer;
  /** Where it goes, below the root. */
  path: Buffer;
  size: number;
  isExecutable: boolean;
}

const EXECUTABLE = 0o100;

/** @param from a folder, all of whose files are meant, or one file. @throws CliError where something in it cannot be stored */
export async function localFiles(
  from: Buffer,
  { followsLinks }: { followsLinks: boolean },
): Promise<LocalFile[]> {
  const stats = await stat(from).catch((cause: unknown) => {
    throw new CliError("usage", `There is no ${safeText(from.toString())} here.`, { cause });
  });
  if (stats.isFile()) return [fileOf(from, nameOf(from), stats)];
  const files: LocalFile[] = [];
  const unfit: Unfit = { links: [], others: [] };
  await collect({ from, path: null, above: [] }, { files, unfit, followsLinks });
  refuseUnfit(unfit);
  return files;
}

interface Unfit {
  links: Buffer[];
  others: Buffer[];
}

async function collect(
  { from, path, above }: { from: Buffer; path: Buffer | null; above: readonly string[] },
  reported: { files: LocalFile[]; unfit: Unfit; followsLinks: boolean },
): Promise<void> {
  const here = await realpath(from);
  if (above.includes(here))
    throw new CliError("usage", `${safeText(from.toString())} is a link to a folder that it lies in.`);
  const names = (await readdir(from, { encoding: "buffer" })).map((name) => Buffer.from(name));
  for (const name of names.sort((a, b) => Buffer.compare(a, b))) {
    const inside = below(from, name);
    const to = path === null ? name : below(path, name);
    let stats = await lstat(inside);
    if (stats.isSymbolicLink() && reported.followsLinks)
      stats = await stat(inside).catch((cause: unknown) => {
        throw new CliError("usage", `${safeText(inside.toString())} is a link that leads nowhere.`, {
          cause,
        });
      });
    if (stats.isDirectory()) await collect({ from: inside, path: to, above: [...above, here] }, reported);
    else if (stats.isFile()) reported.files.push(fileOf(inside, to, stats));
    else (stats.isSymbolicLink() ? reported.unfit.links : reported.unfit.others).push(inside);
  }
}

export function isExecutable({ mode }: Stats): boolean {
  return (mode & EXECUTABLE) !== 0;
}

export function fileOf(from: Buffer, path: Buffer, stats: Stats): LocalFile {
  return { from, path, size: stats.size, isExecutable: isExecutable(stats) };
}

function refuseUnfit({ links, others }: Unfit): void {
  const [link] = links;
  if (link !== undefined)
    throw new CliError(
      "usage",
      `${safeText(link.toString())} is a link${more(links)}; with --follow-links what it leads to is stored in its place.`,
    );
  const [other] = others;
  if (other !== undefined)
    throw new CliError(
      "usage",
      `${safeText(other.toString())} is neither a file nor a folder${more(others)}.`,
    );
}

function more(found: readonly Buffer[]): string {
  return found.length === 1 ? "" : `, and so are ${found.length - 1} more`;
}
