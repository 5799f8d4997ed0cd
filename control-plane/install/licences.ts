/** The licences of the libraries within a bundle, which ask to be kept in every copy: one comment for the end of the file. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LICENCE_FILE = /^licen[cs]e/i;
const Manifest = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string().optional(),
  author: z.union([z.string(), z.object({ name: z.string() }).transform(({ name }) => name)]).optional(),
});

/**
 * @param inputs paths of the bundle's files, relative to `folder`
 * @throws Error for a library that says nothing of its licence
 */
export async function licencesOf(folder: string, inputs: readonly string[]): Promise<string> {
  const packages = new Set(
    inputs.map((input) => PACKAGE.exec(input)?.[1]).filter((one) => one !== undefined),
  );
  const texts = await Promise.all([...packages].map((path) => licenceOf(join(folder, path))));
  return `/*\nIt holds these libraries:\n\n${texts.toSorted().join("\n\n").replaceAll("*/", "* /")}\n*/\n`;
}

async function licenceOf(path: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(path, "package.json"), "utf8"));
  const { name, version, license, author } = Manifest.parse(manifest);
  const file = (await readdir(path)).find((one) => LICENCE_FILE.test(one));
  // A few only name it.
  if (file === undefined && license !== undefined)
    return `${name} ${version}\n\n${license}${author === undefined ? "" : `, ${author}`}`;
  if (file === undefined) throw new Error(`${name} ${version} has no licence beside it`);
  return `${name} ${version}\n\n${(await readFile(join(path, file), "utf8")).trim()}`;
}
