/**
 * Our own programs in the toolbox, compiled from C: by the builder of the bundle, and by an agent that runs from its
 * sources. A few milliseconds, and the same bytes from the same compiler.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

const COMPILER = "tcc";
const COMPILE_MS = 10_000;

export type OwnProgram = {
  /** Of its source without the ending, and of the program in a bundle. */
  source: string;
  /** In the toolbox. */
  name: string;
};

export const OWN_PROGRAMS: readonly OwnProgram[] = [
  { source: "toolbox-init", name: "init" },
  { source: "toolbox-session", name: "session" },
  { source: "toolbox-service-log", name: "service-log" },
  { source: "toolbox-reach", name: "reach" },
  { source: "toolbox-device-access", name: "device-access" },
];

/** Not of the toolbox: the whole content of the canary's image. */
export const CANARY_PROGRAM: OwnProgram = { source: "toolbox-canary", name: "canary" };

/** Rejects where the compiler is missing or fails. */
export async function compiledProgram({ source }: OwnProgram): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-compile-"));
  const program = join(folder, source);
  const path = fileURLToPath(new URL(`./${source}.c`, import.meta.url));
  try {
    await execa(COMPILER, ["-nostdlib", "-static", "-o", program, path], { timeout: COMPILE_MS });
    return await readFile(program);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
