/**
 * SSH and RDP through the gateway: a WebSocket whose binary frames are the bytes of one connection into the environment,
 * for hosts that nobody reaches from outside and networks that let out 443 alone. Who may ask was decided before; who logs
 * in, the server inside decides by its own keys and passwords. It ends with the right to it.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { createWebSocketStream, type WebSocket, WebSocketServer } from "ws";
import { KIB } from "@remotegpu/shared/values/units";
import type { Database } from "../../server/store/database/database.ts";
import { newestLeases } from "../../server/store/leases/lease-views.ts";
import { type Answer, answerUpgrade } from "../answers/answers.ts";
import { inEnglish } from "../../server/core/reasons/english/english.ts";
import { reasonOf } from "../../server/core/reasons/plain-reason.ts";
import type { Reason } from "../../server/core/reasons/reason.ts";
import { targetText } from "../../server/core/environments/web-target.ts";
import { plainAddressOf } from "../entry/client.ts";
import { endReasonOf } from "../entry/open-by-right.ts";
import { TunnelError, type Tunnels } from "../tunnel/tunnel.ts";
import type { Visit, VisitHandler } from "../entry/visit.ts";

/** OpenSSH's packets are at most 256 KiB; the client's library makes a frame of each piece that it reads. */
const MAX_FRAME_BYTES = 1024 * KIB;
const PING_EVERY_MS = 30_000;
/** For the other side to answer the closing frame. */
const CLOSE_WITHIN_MS = 1_000;
const RIGHT_GONE = 1008;
const MAX_REASON_BYTES = 120;

export interface RelayDeps {
  db: Database;
  tunnels: Tunnels;
  /** The gateway speaks plain HTTP: whoever forwards to it from this machine tells who asks. */
  isBehindProxy: boolean;
}

export class RelaySockets implements Pick<VisitHandler, "upgrade"> {
  readonly #deps: RelayDeps;
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
  });

  constructor(deps: RelayDeps) {
    this.#deps = deps;
  }

  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, visit: Visit): Promise<void> {
    const inside = await this.#open(visit, plainAddressOf(request, this.#deps.isBehindProxy));
    if ("reason" in inside) return answerUpgrade(request, socket, inside);
    if (socket.destroyed || visit.signal.aborted) return void inside.destroy();
    this.#server.handleUpgrade(request, socket, head, (client) => carry(client, inside, visit.signal));
  }

  async #open({ environment, target }: Visit, address: string): Promise<Duplex | Answer> {
    const { db, tunnels } = this.#deps;
    const name = targetText(target).toUpperCase();
    const leases = await newestLeases(db, environment.id);
    const lease = leases.find(({ service_type: service, want }) => service === target && want === "held");
    if (lease === undefined)
      return notLed(name, 409, { code: "service-port-released", params: { service: name } });
    try {
      return await tunnels.open({
        hostId: environment.hostId,
        instanceId: environment.instanceId,
        port: lease.internal_port,
        client: address,
      });
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      return notLed(name, error.reason === "away" ? 502 : 503, error.why);
    }
  }
}

const notLed = (name: string, status: number, reason: Reason): Answer => ({
  problem: "port-unreachable",
  status,
  title: `${name} leads nowhere`,
  reason,
});

function carry(client: WebSocket, inside: Duplex, right: AbortSignal): void {
  const bytes = createWebSocketStream(client, { allowHalfOpen: false });
  const pinging = setInterval(() => client.ping(), PING_EVERY_MS);
  const gone = () => {
    inside.destroy();
    client.close(RIGHT_GONE, closingText(right));
    setTimeout(() => client.terminate(), CLOSE_WITHIN_MS).unref();
  };
  right.addEventListener("abort", gone, { once: true });
  client.once("close", () => {
    clearInterval(pinging);
    right.removeEventListener("abort", gone);
    inside.destroy();
  });
  bytes.on("error", () => inside.destroy());
  inside.on("error", () => client.terminate());
  // Both say goodbye within themselves: neither side has anything to say after the other's end. Each end closes the
  // WebSocket once all before it was sent.
  bytes.pipe(inside);
  inside.pipe(bytes);
  if (right.aborted) gone();
}

/** A closing frame has room for so much. */
function closingText(right: AbortSignal): string {
  const sentence = inEnglish(endReasonOf(right) ?? reasonOf("entry-over"));
  return Buffer.from(sentence)
    .subarray(0, MAX_REASON_BYTES)
    .toString("utf8")
    .replace(/\uFFFD+$/, "");
}
