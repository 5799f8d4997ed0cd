/** The way to this host's files process, on whose socket only root may come in: the relay gets the connection alone. */
import { connect, type Socket } from "node:net";
import { DialError } from "../../host/inside/dial.ts";

const DIAL_WITHIN_MS = 2_000;

/** Connected, and not read from: whoever gets it reads from the first byte on. @throws DialError */
export async function dialFiles(path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ path, allowHalfOpen: true });
  // It is handed on: what comes is not for this process.
  socket.pause();
  const timer = setTimeout(() => socket.destroy(new Error("no answer in time")), DIAL_WITHIN_MS);
  socket.once("connect", resolve);
  socket.once("error", (cause) => reject(new DialError("the files process does not run", { cause })));
  try {
    await promise;
    socket.removeAllListeners("error");
    return socket;
  } finally {
    clearTimeout(timer);
  }
}
