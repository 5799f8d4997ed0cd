/** The moment when a server begins to listen, or cannot. */
import type { Server } from "node:net";

/** Rejects with the system's error when the port cannot be had. */
export async function listening(server: Server, listen: (done: () => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    listen(() => {
      server.off("error", reject);
      // What fails later is a single accept; there is nothing to be done about it here.
      server.on("error", () => undefined);
      resolve();
    });
  });
}
