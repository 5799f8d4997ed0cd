/**
 * What a toolbox is made of, as an agent has it at hand: an installed one beside its code; one that runs from its
 * sources has the archive where set-up built it, and compiles our own programs, a few milliseconds each.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { compiledProgram, OWN_PROGRAMS, type OwnProgram } from "./own-programs.ts";

/** Of an installed agent; here and where it was built it is the same file. Beside it stands its hash. */
export const PACKED_ARCHIVE = "toolbox.tar";
export const HASH_ENDING = ".sha256";
const BESIDE = fileURLToPath(new URL(`./${PACKED_ARCHIVE}`, import.meta.url));
export const BUILT_ARCHIVE = fileURLToPath(
  new URL("../../../node_modules/.cache/remotegpu-toolbox/toolbox.tar", import.meta.url),
);

export class ToolboxError extends Error {
  override name = "ToolboxError";
}

export type PackedToolbox = {
  archivePath: string;
  /** SHA-256 of the archive, in hex. */
  archiveHash: string;
  programs: { program: OwnProgram; content: Buffer }[];
};

/**
 * The archive itself is not read: mostly its content lies unpacked where it is needed.
 * @throws ToolboxError when set-up has not built it, or there is no compiler for sources
 */
export async function packedToolbox(): Promise<PackedToolbox> {
  const programs = OWN_PROGRAMS.map(async (program) => ({ program, content: await packedProgram(program) }));
  for (const archivePath of [BESIDE, BUILT_ARCHIVE]) {
    const hash = await readIfThere(`${archivePath}${HASH_ENDING}`);
    if (hash === null) continue;
    return { archivePath, archiveHash: hash.toString().trim(), programs: await Promise.all(programs) };
  }
  throw new ToolboxError("the toolbox of containers is not built: run npm run toolbox");
}

/** One of our own programs, as it is in a bundle, or compiled. @throws ToolboxError when there is no compiler for its source */
export async function packedProgram(program: OwnProgram): Promise<Buffer> {
  const path = fileURLToPath(new URL(`./${program.source}`, import.meta.url));
  return (await readIfThere(path)) ?? (await compiled(program));
}

async function compiled(program: OwnProgram): Promise<Buffer> {
  return compiledProgram(program).catch((cause: unknown) => {
    throw new ToolboxError(`${program.source} cannot be compiled: install tcc`, { cause });
  });
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
