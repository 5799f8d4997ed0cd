/** The home that a process was begun with; a container's first process names that of whoever enters. */
import { open } from "node:fs/promises";

/** Images have some kilobytes of variables; what is beyond is not looked for. */
const MAX_BYTES = 256 * 1024;
const HOME = "HOME=";

/** Null where it has none, or is gone. */
export async function readHome(pid: number): Promise<string | null> {
  try {
    await using file = await open(`/proc/${pid}/environ`);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(MAX_BYTES) });
    const variables = buffer.toString("utf8", 0, bytesRead).split("\0");
    return variables.find((variable) => variable.startsWith(HOME))?.slice(HOME.length) ?? null;
  } catch (error) {
    if (error instanceof Error && "code" in error && GONE.includes(String(error.code))) return null;
    throw error;
  }
}

const GONE = ["ENOENT", "ESRCH"];
