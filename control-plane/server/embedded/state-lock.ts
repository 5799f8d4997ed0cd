/**
 * One state folder, one running control plane: two would fight over the embedded Postgres and NATS. The lock is an
 * abstract socket, so it ends with the process however that ends, and no file is left to be mistaken for it.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, realpathSync } from "node:fs";
import { createServer } from "node:net";

export class StateLockedError extends Error {
  override readonly name = "StateLockedError";
}

/** @throws StateLockedError when another control plane runs on the folder */
export async function lockState(stateDir: string): Promise<{ release(): void }> {
  mkdirSync(stateDir, { recursive: true });
  const folder = realpathSync(stateDir);
  const name = createHash("sha256").update(folder).digest("hex");
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(`\0remotegpu-control-plane-${name}`);
    await once(server, "listening");
  } catch (cause) {
    throw new StateLockedError(
      `another control plane runs on ${folder}; end it first, or use another state folder`,
      {
        cause,
      },
    );
  }
  server.unref();
  return { release: () => void server.close() };
}
