/** The releases that there were, as `test/releases.json` names them: the latest is the one that this version is tried with. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { z } from "zod";

export const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

const Release = z.strictObject({
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  /** In full: it is looked for by this name alone. */
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  /** The name of the last file of its migrations; what comes after it is newer than the release. */
  lastMigration: z.string().regex(/^\d{4}_\w+\.sql$/),
});
export type Release = z.infer<typeof Release>;

const Releases = z.strictObject({ releases: z.tuple([Release], Release) });

/** The first comes first. */
export const RELEASES = Releases.parse(
  JSON.parse(readFileSync(new URL("../../releases.json", import.meta.url), "utf8")),
).releases;

/** N−1: what this version upgrades from, and runs beside. */
export const PREVIOUS: Release = RELEASES.at(-1) ?? RELEASES[0];

/** False in a clone without the whole history, where nothing can be built of it. */
export async function isInClone({ commit }: Release): Promise<boolean> {
  const found = await execa("git", ["cat-file", "-e", `${commit}^{commit}`], {
    cwd: REPOSITORY,
    reject: false,
  });
  return found.exitCode === 0;
}

/** What stands at the end of the title of a test that is left out without the commit. */
export const NOT_IN_CLONE = `left out: this clone lacks ${PREVIOUS.commit.slice(0, 10)}, the commit of release ${PREVIOUS.version}`;
