/** Bounds of senders, on a real server; what has to be over by then is waited for, and no time is measured. */
import { once } from "node:events";
import { createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { boundSender } from "@remotegpu/control-plane/server/http/server/slow-senders";

const FILE = "/api/v1/environments/env-1/files?path=/gemini/code/a";

async function open({ silentMs = 100 } = {}) {
  const held: ServerResponse[] = [];
  const server = createServer({ requestTimeout: 0 }, (_request, response) => void held.push(response));
  server.on("request", (requested) => boundSender(requested, { wholeMs: 100, silentMs }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void (server.closeAllConnections(), server.close()));
  const { port } = server.address() as AddressInfo;
  const send = (method: string, path: string) => {
    const sent = request({ port, method, path, agent: false, headers: { "Content-Length": "10" } });
    sent.on("error", () => undefined);
    return sent;
  };
  return { held, port, send, server };
}

test.each([
  ["a body that does not come", "POST", "/api/v1/environments"],
  ["a file of which nothing comes", "PUT", FILE],
])(
  "%s ends the connection, and a request that was sent whole before it is waited for",
  async (_what, method, path) => {
    const { held, port, send, server } = await open();
    const patient = request({ port, path: "/", agent: false });
    patient.end();
    await once(server, "request");
    const slow = send(method, path);
    slow.flushHeaders();

    await new Promise((resolve) => slow.on("close", resolve));
    held[0]?.end("late");
    const [response] = await once(patient, "response");

    expect(response.statusCode).toBe(200);
  },
);

test("a file may take longer than anything else, as long as it comes", async () => {
  const { held, send } = await open({ silentMs: 60_000 });
  const file = send("PUT", FILE);
  file.write("x");
  const slow = send("POST", "/api/v1/environments");
  slow.flushHeaders();

  await new Promise((resolve) => slow.on("close", resolve));
  file.write("x");
  held.find(({ req }) => req.method === "PUT")?.end("taken");
  const [response] = await once(file, "response");
  file.destroy();

  expect(response.statusCode).toBe(200);
});
