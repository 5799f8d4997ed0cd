/**
 * One connection through a lease: a client on one side, the service in the container on the other, and bytes both
 * ways. Each direction ends by itself (half-close), a slow reader slows the writer down, and an error of one side
 * is an end for the other.
 */
import type { Socket } from "node:net";
import type { AccessSession } from "@remotegpu/shared/instance/ssh-access";
import { RelaySocket } from "./relay-socket.ts";
import { reset } from "./reset.ts";

/** Who ended it, with a sentence where there is one to say. */
export type ConnectionEnd = Pick<NonNullable<AccessSession["ended"]>, "by" | "detail">;

/** A peer that is gone without a word is noticed after some minutes of silence. */
const KEEPALIVE_AFTER_MS = 60_000;

export class RelayedConnection {
  readonly #client: Socket;
  readonly #service: Socket;
  /** Whoever ended first. */
  #end: ConnectionEnd | null = null;

  /** Both sockets allow half-open connections and have not been read from. */
  constructor(client: Socket, service: Socket, onClosed: (connection: RelayedConnection) => void) {
    this.#client = client;
    this.#service = service;
    let open = 2;
    for (const [socket, other, by] of [
      [client, service, "client"],
      [service, client, "container"],
    ] as const) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEPALIVE_AFTER_MS);
      // A reset is passed on as one, so that the other side does not take a half transfer for a whole one.
      socket.on("error", (error) => {
        this.#end ??= socket === client ? lostBy(error) : { by, detail: "" };
        reset(other);
      });
      const ended = () => (this.#end ??= { by, detail: "" });
      if (socket.readableEnded) ended();
      else socket.on("end", ended);
      socket.on("close", () => {
        open -= 1;
        if (!other.writableEnded && !socket.readableEnded) reset(other);
        if (open === 0) onClosed(this);
      });
      // TLS has its own ways with memory.
      if (socket instanceof RelaySocket) socket.writeInto(other);
      else socket.pipe(other);
    }
  }

  /** Bytes of the client that reached the service's socket. */
  get bytesIn(): number {
    return Math.max(0, this.#service.bytesWritten - this.#service.writableLength);
  }

  get bytesOut(): number {
    return this.#client.bytesWritten;
  }

  /** How it ended; while it is open, that it was lost. */
  get end(): ConnectionEnd {
    return this.#end ?? { by: "lost", detail: "" };
  }

  destroy(end: ConnectionEnd): void {
    this.#end ??= end;
    this.#client.destroy();
    this.#service.destroy();
  }
}

/** A client that resets is one that ended; one that answers no more is lost. */
function lostBy(error: Error): ConnectionEnd {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return code === "ECONNRESET" || code === "EPIPE"
    ? { by: "client", detail: "" }
    : { by: "lost", detail: "" };
}
