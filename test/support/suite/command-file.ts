/**
 * The remotegpu command as its users have it, one file, built once for a run of the suite: starting it takes a third of
 * the processor time that its sources take, and tests start it hundreds of times. The pages' commands run the sources.
 */
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where it lies while the run that the environment names lasts; for whatever is no run of the suite, the sources. */
export function commandFile(): string {
  const run = process.env["REMOTEGPU_TEST_RUN"];
  return run === undefined
    ? new URL("../../../control-plane/cli/main.ts", import.meta.url).pathname
    : join(tmpdir(), `${run}remotegpu.mjs`);
}

export default async function setup(): Promise<() => Promise<void>> {
  // Whoever only asks where it lies does not load its builder.
  const { buildCli } = await import("../../../control-plane/install/build-cli.ts");
  const file = commandFile();
  await writeFile(file, await buildCli());
  return async () => await rm(file, { force: true });
}
