/**
 * Asks a replica for its own metrics: one GET on a stream of its own through the tunnel, with nothing of whoever wants to
 * know. What programs of customers answer is held to a size and a time.
 */
import { STATUS_CODES, request, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import {
  METRICS_ACCEPT,
  type MetricsPlace,
  type MetricsReply,
  metricsType,
  type ReplicaMetrics,
} from "../../server/core/inference/replica-metrics.ts";
import { BodyTooLongError, boundedBody } from "@remotegpu/shared/bounded-body";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { TunnelError, type Tunnels } from "../tunnel/tunnel.ts";

const MAX_BYTES = MIB;
/** From the way there to the last byte. */
const WITHIN_SECONDS = 10;
const PATH = "/metrics";

/** @param tunnelsNow null where this server has no gateway, or not yet: by it hosts are reached */
export function replicaMetrics(
  tunnelsNow: () => Tunnels | null,
  withinMs = WITHIN_SECONDS * MS_PER_SECOND,
): ReplicaMetrics {
  return {
    async request(place, leaving) {
      const tunnels = tunnelsNow();
      if (tunnels === null)
        return { kind: "away", why: "This server has no gateway, by which hosts are reached." };
      const late = AbortSignal.timeout(withinMs);
      const signal = AbortSignal.any([late, leaving]);
      try {
        return await replyOn(await opened(tunnels, place, signal), place, signal);
      } catch (error) {
        if (signal.aborted)
          return { kind: "late", why: `Its answer was not whole within ${withinMs / MS_PER_SECOND} s.` };
        if (error instanceof TunnelError)
          return { kind: error.reason === "away" ? "away" : "wrong", why: error.message };
        return { kind: "wrong", why: `It does not answer ${PATH} with HTTP that ends in order.` };
      }
    },
  };
}

/** A way that is found too late is not gone. @throws TunnelError, or the signal's reason */
async function opened(tunnels: Tunnels, place: MetricsPlace, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  const opening = tunnels.open(place);
  const gone = Promise.withResolvers<never>();
  const end = () => {
    gone.reject(signal.reason);
    opening.then((stream) => stream.destroy()).catch(() => undefined);
  };
  signal.addEventListener("abort", end);
  try {
    return await Promise.race([opening, gone.promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}

async function replyOn(stream: Duplex, { port }: MetricsPlace, signal: AbortSignal): Promise<MetricsReply> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request({
    path: PATH,
    headers: {
      Host: `localhost:${port}`,
      Accept: METRICS_ACCEPT,
      "Accept-Encoding": "identity",
      Connection: "close",
    },
    setHost: false,
    createConnection: () => stream,
    signal,
  });
  sent.on("response", resolve);
  sent.on("error", reject);
  sent.on("upgrade", (_response, other: Duplex) => {
    other.destroy();
    reject(new Error("no other protocol was requested"));
  });
  stream.on("error", reject);
  sent.end();
  try {
    const reply = await replyOf(await promise, signal);
    // What ends with its connection looks whole when it was us who ended that.
    signal.throwIfAborted();
    return reply;
  } finally {
    sent.destroy();
    stream.destroy();
  }
}

async function replyOf(response: IncomingMessage, signal: AbortSignal): Promise<MetricsReply> {
  const { statusCode: status = 0, headers } = response;
  const wrong = (why: string): MetricsReply => ({ kind: "wrong", why });
  if (status !== 200)
    return wrong(`It answers ${PATH} with ${[status, STATUS_CODES[status] ?? []].flat().join(" ")}.`);
  const type = metricsType(headers["content-type"]);
  if (type === null)
    return wrong(`What it answers at ${PATH} is neither text/plain nor application/openmetrics-text.`);
  if ((headers["content-encoding"] ?? "identity") !== "identity")
    return wrong(`What it answers at ${PATH} is compressed, which was not asked for.`);
  try {
    return { kind: "page", type, bytes: await boundedBody(response, { maxBytes: MAX_BYTES, signal }) };
  } catch (error) {
    if (!(error instanceof BodyTooLongError)) throw error;
    return wrong(`What it answers at ${PATH} is longer than ${MAX_BYTES} bytes.`);
  }
}
