/** An answer that comes in many pieces at once, passed on to somebody who reads now and then. */
import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { FairScheduler } from "@remotegpu/control-plane/gateway/proxy/fair-scheduler";
import { pass } from "@remotegpu/control-plane/gateway/proxy/response-forwarder";
import type { PooledClient, ClientPool } from "@remotegpu/control-plane/gateway/pool/client-pool";

/** As TLS cuts them. */
const PIECE = Buffer.alloc(16 * 1024);
const AT_ONCE = 8;
const TURNS = 1_500;
const STALLED_MS = 20_000;

type Handler = Parameters<PooledClient["client"]["dispatch"]>[1];
type Controller = Parameters<NonNullable<Handler["onResponseData"]>>[0];

/** A container whose answer has no length in front, and comes as fast as it is taken. */
function container(): PooledClient {
  const dispatch = (_requested: unknown, handler: Handler) => {
    const state = { left: TURNS * AT_ONCE, isPaused: false };
    const writeOut = () => {
      for (let piece = 0; piece < AT_ONCE && state.left > 0 && !state.isPaused; piece += 1) {
        state.left -= 1;
        handler.onResponseData?.(controller, PIECE);
      }
      if (state.isPaused) return;
      if (state.left > 0) setImmediate(writeOut);
      else handler.onResponseEnd?.(controller, {});
    };
    const controller = {
      pause: () => void (state.isPaused = true),
      resume: () => {
        state.isPaused = false;
        setImmediate(writeOut);
      },
      abort: () => void (state.left = 0),
    } as unknown as Controller;
    handler.onRequestStart?.(controller, {});
    handler.onResponseStart?.(controller, 200, {}, "OK");
    writeOut();
  };
  return { client: { dispatch } } as unknown as PooledClient;
}

test("who reads slowly gets all of a body whose length nobody knows", async () => {
  const clients = { giveBack: () => undefined, came: () => undefined } as unknown as ClientPool;
  const server = createServer(
    (request, response) =>
      void pass({ request, response, headers: {} }, container(), { clients, turns: new FairScheduler() }),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const requested = get({ port, host: "127.0.0.1", signal: AbortSignal.timeout(STALLED_MS) });
  const [answer] = (await once(requested, "response")) as [IncomingMessage];

  let [bytes, chunks] = [0, 0];
  for await (const chunk of answer) {
    bytes += (chunk as Buffer).length;
    chunks += 1;
    if (chunks % 50 === 0) await delay(3);
  }

  expect(bytes).toBe(TURNS * AT_ONCE * PIECE.length);
});
