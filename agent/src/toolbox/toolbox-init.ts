/**
 * The first process of containers as a program, compiled from toolbox-init.c: by the builder of the bundle, and by an
 * agent that runs from its sources. A few milliseconds, and the same bytes from the same compiler.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

const SOURCE = fileURLToPath(new URL("./toolbox-init.c", import.meta.url));
const COMPILER = "tcc";
const COMPILE_MS = 10_000;

/** Rejects where the compiler is missing or fails. */
export async function compiledInit(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-init-"));
  const program = join(folder, "init");
  try {
    await execa(COMPILER, ["-nostdlib", "-static", "-o", program, SOURCE], { timeout: COMPILE_MS });
    return await readFile(program);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
