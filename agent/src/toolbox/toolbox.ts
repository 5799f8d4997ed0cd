/**
 * The folder that every container sees read-only at /.remotegpu: a static busybox and our init, so that an
 * environment stays up whatever its image holds. Each content has a folder of its own: an upgrade of the agent
 * never changes what a running container has mounted. Both programs are static: a loader would read what the image
 * says about libraries (LD_PRELOAD, /etc/ld.so.preload) and run the customer's code in our first process.
 */
import { createHash } from "node:crypto";
import { chmod, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compiledInit } from "./toolbox-init.ts";

/** An installed agent has it beside its code; one that runs from its sources compiles it. */
const INIT_PATH = fileURLToPath(new URL("./toolbox-init", import.meta.url));
/** An installed agent has it beside its code; else it is where Debian's busybox-static puts it. */
const BUSYBOX_PATHS = [
  fileURLToPath(new URL("./busybox", import.meta.url)),
  "/usr/bin/busybox",
  "/bin/busybox",
];

export class ToolboxError extends Error {
  override name = "ToolboxError";
}

/**
 * Writes the toolbox under the agent's state folder, once per content.
 * @returns the folder to mount
 * @throws ToolboxError when there is no static busybox, or no compiler for sources
 */
export async function installToolbox(stateDir: string): Promise<string> {
  const busybox = await staticBusybox();
  const init = (await readIfThere(INIT_PATH)) ?? (await ownInit());
  const hash = createHash("sha256").update(busybox).update(init).digest("hex").slice(0, 16);
  const folder = join(stateDir, "toolbox", hash);
  if (await exists(folder)) return folder;
  const draft = `${folder}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  await writeFile(join(draft, "busybox"), busybox);
  await writeFile(join(draft, "init"), init);
  for (const name of ["", "busybox", "init"]) await chmod(join(draft, name), 0o755);
  await rename(draft, folder);
  return folder;
}

async function ownInit(): Promise<Buffer> {
  return compiledInit().catch((cause: unknown) => {
    throw new ToolboxError("the first process of containers cannot be compiled: install tcc", { cause });
  });
}

async function staticBusybox(): Promise<Buffer> {
  for (const path of BUSYBOX_PATHS) {
    const content = await readIfThere(path);
    if (content === null) continue;
    if (isStaticProgram(content)) return content;
    throw new ToolboxError(`${path} is not static, so other images cannot run it: install busybox-static`);
  }
  throw new ToolboxError(`there is no busybox at ${BUSYBOX_PATHS.join(" or ")}: install busybox-static`);
}

const PROGRAM_HEADER_INTERPRETER = 3;

/** A 64-bit little-endian ELF file without an interpreter segment. */
export function isStaticProgram(file: Buffer): boolean {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return false;
  const tableAt = Number(file.readBigUInt64LE(32));
  const entryBytes = file.readUInt16LE(54);
  const entries = file.readUInt16LE(56);
  if (tableAt + entries * entryBytes > file.length) return false;
  for (let index = 0; index < entries; index += 1) {
    if (file.readUInt32LE(tableAt + index * entryBytes) === PROGRAM_HEADER_INTERPRETER) return false;
  }
  return true;
}

async function exists(path: string): Promise<boolean> {
  try {
    await (await open(path)).close();
    return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
