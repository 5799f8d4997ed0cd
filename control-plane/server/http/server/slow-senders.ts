/**
 * How long whoever sends a request may take to say all of it, so that slow senders hold no connection for ever. Node knows
 * one bound for all requests of a server; who brings a file takes as long as it takes, but not without sending any of it.
 * Whoever has said all is only waited for, or reads what it asked for, and has no bound here.
 */
import type { IncomingMessage } from "node:http";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { bringsFile } from "../files/file-transfers.ts";

export interface SenderBounds {
  /** A body of 2 MiB takes far less. */
  wholeMs: number;
  /** The time without a byte of who brings a file. */
  silentMs: number;
}

export const SENDER_BOUNDS: SenderBounds = { wholeMs: 60 * MS_PER_SECOND, silentMs: 120 * MS_PER_SECOND };

export function boundSender(request: IncomingMessage, { wholeMs, silentMs }: SenderBounds): void {
  const { socket } = request;
  const [path = ""] = (request.url ?? "").split("?");
  const give = () => void (request.complete || socket.destroy());
  if (bringsFile(request.method, path)) {
    socket.setTimeout(silentMs, give);
    request.once("close", () => {
      socket.setTimeout(0);
      socket.off("timeout", give);
    });
    return;
  }
  const timer = setTimeout(give, wholeMs);
  request.once("close", () => clearTimeout(timer));
}
