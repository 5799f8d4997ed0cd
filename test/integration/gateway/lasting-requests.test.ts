/** Which requests share a connection to their host: those that last and say little. */
import { connect } from "node:net";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Carrier } from "@remotegpu/control-plane/gateway/proxy/carrier";
import type { Destination } from "@remotegpu/control-plane/gateway/tunnel/tunnel";

test("a stream of events does, and what is asked for otherwise does not, one after the other by the same client", async () => {
  const container = await listening((_request, response) => response.end("data: first\n\n"));
  const opened: (boolean | undefined)[] = [];
  const open = async ({ isLasting }: Destination) => {
    opened.push(isLasting);
    const socket = connect({ port: container, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "connect");
    return socket;
  };
  const carrier = new Carrier({ open });
  onTestFinished(() => carrier.close());
  const to = { hostId: "host-1", instanceId: "ins-1", port: 8000 } as Destination;
  const gateway = await listening(
    (request, response) => void carrier.carry({ request, response, headers: request.headers }, to),
  );

  for (const accept of ["text/event-stream", "*/*", "text/event-stream", "*/*"])
    expect(await saidBy(gateway, accept)).toBe("data: first\n\n");

  expect(opened).toEqual([true, false]);
});

async function listening(answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function saidBy(port: number, accept: string): Promise<string> {
  const [answer] = (await once(get({ port, host: "127.0.0.1", headers: { accept } }), "response")) as [
    IncomingMessage,
  ];
  let said = "";
  for await (const text of answer.setEncoding("utf8")) said += text;
  return said;
}
