/** `CONNECT` on a connection of its own to an access process: what it becomes when the host says yes. */
import { request, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { setImmediate as afterThisRead } from "node:timers/promises";
import { TUNNEL_CLIENT_HEADER } from "@remotegpu/shared/messages/gateway-tunnel";
import { reasonOf } from "../../server/core/reasons/plain-reason.ts";
import { asReported, type Reason } from "../../server/core/reasons/reason.ts";
import { type Destination, TunnelError } from "./tunnel.ts";

/** The host dials into the container meanwhile, for five seconds at each of its addresses. */
export const ANSWER_WITHIN_MS = 15_000;

export type Target = Omit<Destination, "hostId">;

/** The connection ended before it said anything: perhaps it was too old, and another one does better. */
export class UnansweredError extends Error {
  override readonly name = "UnansweredError";
  readonly why: Reason;

  constructor(cause: Error, isLate: boolean) {
    super(cause.message, { cause });
    this.why = isLate ? reasonOf("tunnel-answer-late") : asReported(cause.message);
  }
}

/** Uses the connection up. @throws TunnelError where the host refuses, UnansweredError */
export async function connectThrough(socket: Duplex, target: Target): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const path = `${target.instanceId}:${target.port}`;
  const connectRequest = request({
    method: "CONNECT",
    path,
    headers: { Host: path, ...(target.client !== undefined && { [TUNNEL_CLIENT_HEADER]: target.client }) },
    setHost: false,
    createConnection: () => socket,
  });
  const late = new Error("no answer in time");
  const timer = setTimeout(() => connectRequest.destroy(late), ANSWER_WITHIN_MS);
  connectRequest.on("error", (cause) => reject(new UnansweredError(cause, cause === late)));
  connectRequest.on("connect", (response: IncomingMessage, _socket: Duplex, head: Buffer) => {
    // What the service said first may have come with the answer.
    if (head.length > 0) socket.unshift(head);
    if (response.statusCode === 200) resolve();
    else reject(refusalOf(response.statusCode ?? 0, target.port));
  });
  connectRequest.end();
  try {
    await promise;
    // Node 24 loses what came in the same read when a TLS socket is ended while it still hands that out.
    await afterThisRead();
    return socket;
  } catch (error) {
    socket.on("error", () => undefined);
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** By the status that the access process answered. */
export function refusalOf(status: number, port: number): TunnelError {
  switch (status) {
    case 503:
      return new TunnelError("refused", { code: "tunnel-port-silent", params: { port } });
    case 409:
      return new TunnelError("refused", { code: "service-port-released", params: { service: "SSH" } });
    case 403:
      return new TunnelError("away", "tunnel-gateway-unknown");
    default:
      return new TunnelError("away", { code: "tunnel-answer-unknown", params: { status } });
  }
}
