import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ApiClient } from "@remotegpu/control-plane/cli/framework/api-client";

/** RFC 6455, section 1.3. */
const ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const GREETING = "SSH-2.0-OpenSSH_10.0\r\n";

test("what the other side sends in the moment of its answer is heard", async () => {
  const server = createServer().on("upgrade", (request, socket) => {
    const key = request.headers["sec-websocket-key"] ?? "";
    const accept = createHash("sha1")
      .update(key + ACCEPT)
      .digest("base64");
    const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
    // A binary frame, in the same packet.
    socket.write(
      Buffer.concat([Buffer.from(head), Buffer.from([0x82, GREETING.length]), Buffer.from(GREETING)]),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;

  const stream = await new ApiClient({ server: "http://127.0.0.1", key: "rgk_x" }).webSocket(
    `ws://127.0.0.1:${port}/ssh/env-1`,
  );
  stream.on("error", () => undefined);
  onTestFinished(() => void stream.destroy());

  const [first] = (await once(stream, "data", { signal: AbortSignal.timeout(10_000) })) as [Buffer];
  expect(String(first)).toBe(GREETING);
});
