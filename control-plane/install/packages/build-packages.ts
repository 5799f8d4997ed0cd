/**
 * Makes the three packages of the commit that is checked out, and the list of their hashes:
 *
 *   node control-plane/install/packages/build-packages.ts [--out FOLDER] [--release VERSION]
 *
 * The same commit gives the same bytes on machines with the same dpkg and the same packages for the toolbox.
 */
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { agentPackage } from "./agent-package.ts";
import { commandPackage } from "./command-package.ts";
import { controlPlanePackage } from "./control-plane-package.ts";
import { writeDeb, writeSums } from "./deb.ts";
import { releaseOf } from "./release.ts";

const repository = join(import.meta.dirname, "../../..");

/** Replaces `out` once all are made. @returns the names of the files */
async function buildPackages(out: string, version?: string): Promise<string[]> {
  const release = await releaseOf(repository, version);
  const folder = `${out}.new`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const handedOut = [
    await writeDeb(agentPackage(release), { folder, release }),
    await writeDeb(commandPackage, { folder, release }),
  ];
  const controlPlane = controlPlanePackage(release, { folder, handedOut });
  const files = [...handedOut, await writeDeb(controlPlane, { folder, release })];
  await writeSums(folder);
  await rm(out, { recursive: true, force: true });
  await rename(folder, out);
  return files;
}

const { values } = parseArgs({ options: { out: { type: "string" }, release: { type: "string" } } });
const out = values.out ?? join(repository, "dist/packages");
for (const file of await buildPackages(out, values.release)) {
  const { size } = await stat(join(out, file));
  console.log(`${(size / 1_000_000).toFixed(1).padStart(6)} MB  ${join(out, file)}`);
}
