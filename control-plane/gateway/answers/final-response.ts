/**
 * The last that is said on a connection which Node's server has let go of. Its other side has some time to take it; then it
 * ends, whether that side does or not: who only stayed would hold it for ever.
 */
import type { Duplex } from "node:stream";

const TAKES_MS = 5_000;

export function sendFinalResponse(socket: Duplex, text: string): void {
  const late = setTimeout(() => socket.destroy(), TAKES_MS);
  socket.once("close", () => clearTimeout(late));
  socket.on("error", () => socket.destroy());
  // What it still says is of no interest, but its end is.
  socket.resume().end(text);
}
