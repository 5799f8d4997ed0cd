/** A unix socket in the state folder that only root can connect to. */
import { rmSync } from "node:fs";
import type { Server } from "node:net";

/** Mode 0600 from the first moment on; elsewhere others could connect before a chmod. */
const SOCKET_UMASK = 0o177;
/** The kernel's bound of a unix socket's path. */
const LONGEST_PATH_BYTES = 107;

export class ControlSocketError extends Error {
  override name = "ControlSocketError";
}

/** Whoever calls holds the folder's lock: what lies there was left by a process that was killed. @throws ControlSocketError */
export async function openSocketFile(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_PATH_BYTES)
    throw new ControlSocketError(
      `${path} is too long for a socket (${LONGEST_PATH_BYTES} bytes at most): choose a shorter state folder`,
    );
  rmSync(path, { force: true });
  const umask = process.umask(SOCKET_UMASK);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
  } catch (cause) {
    throw new ControlSocketError(`cannot listen on ${path}`, { cause });
  } finally {
    process.umask(umask);
  }
}
