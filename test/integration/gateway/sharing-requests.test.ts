/** With whom requests share a connection: with their host what lasts and says little, with their instance what is short. */
import { connect } from "node:net";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ReverseProxy } from "@remotegpu/control-plane/gateway/proxy/reverse-proxy";
import type { Destination } from "@remotegpu/control-plane/gateway/tunnel/tunnel";

const MUCH = 1_000_000;

test("a stream of events does with its host, and other requests with its instance, one after the other by the same client", async () => {
  const { gateway, opened } = await gatewayBefore((_request, response) => response.end("data: first\n\n"));

  for (const accept of ["text/event-stream", "*/*", "text/event-stream", "*/*"])
    expect(await printedBy(gateway, accept)).toBe("data: first\n\n");

  expect(opened).toEqual(["host", "instance"]);
});

test("whoever answers with much at once has connections of its own from then on", async () => {
  const { gateway, opened } = await gatewayBefore((_request, response) => response.end("x".repeat(MUCH)));

  for (let nth = 0; nth < 3; nth += 1) expect(await printedBy(gateway, "*/*")).toHaveLength(MUCH);

  expect(opened).toEqual(["instance", undefined]);
});

/** With whom what it opened shares a connection. */
async function gatewayBefore(
  answer: RequestListener,
): Promise<{ gateway: number; opened: Destination["shares"][] }> {
  const container = await listening(answer);
  const opened: Destination["shares"][] = [];
  const open = async ({ shares }: Destination) => {
    opened.push(shares);
    const socket = connect({ port: container, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "connect");
    return socket;
  };
  const proxy = new ReverseProxy({ open });
  onTestFinished(() => proxy.close());
  const to = { hostId: "host-1", instanceId: "ins-1", port: 8000 } as Destination;
  const gateway = await listening(
    (request, response) => void proxy.carry({ request, response, headers: request.headers }, to),
  );
  return { gateway, opened };
}

async function listening(answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function printedBy(port: number, accept: string): Promise<string> {
  const [answer] = (await once(get({ port, host: "127.0.0.1", headers: { accept } }), "response")) as [
    IncomingMessage,
  ];
  let output = "";
  for await (const text of answer.setEncoding("utf8")) output += text;
  return output;
}
