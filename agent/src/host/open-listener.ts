/**
 * A port of this host that is open for a moment on every address of it, so that who reaches the host can tell. Whoever
 * connects is hung up on at once; nothing is read or written.
 */
import { createServer } from "node:net";
import { once } from "node:events";

export type OpenListener = { port: number; close: () => void };

/** Rejects where no port is free. */
export async function openListener(): Promise<OpenListener> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.destroy();
  });
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a listener of TCP has no port");
  return { port: address.port, close: () => server.close() };
}
