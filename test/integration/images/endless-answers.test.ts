/** A runtime that passes on what a registry says without end: the pull fails, and its agent has not grown. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { PullError, pullImage } from "@remotegpu/agent/runtime/images/image-pull";

const PIECE = Buffer.alloc(64 * 1_024, "x");
/** What sockets hold on the way, and far less than what would be sent. */
const BOUND_BYTES = 8 * 2 ** 20;
const SENT_BYTES = 64 * 2 ** 20;

/** Sends until its reader leaves. Answers how much that was. */
async function writeOut(response: ServerResponse): Promise<number> {
  let sent = 0;
  const left = once(response, "close");
  while (sent < SENT_BYTES && !response.closed) {
    if (!response.write(PIECE)) await Promise.race([once(response, "drain"), left]);
    sent += PIECE.length;
  }
  response.end();
  return sent;
}

test.each([
  [200, "the answer of the pull has a line without end"],
  [500, "x".repeat(2_000)],
])("that answers %i", async (status, output) => {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-endless-"));
  const flooded = Promise.withResolvers<number>();
  const server = createServer((_request, response) => {
    response.writeHead(status);
    flooded.resolve(writeOut(response));
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const socketPath = join(folder, "runtime.sock");
  server.listen(socketPath);
  await once(server, "listening");

  const pull = pullImage(socketPath, {
    image: "registry.example.com/x:1",
    registry: "registry.example.com",
    login: null,
    onProgress: () => undefined,
    signal: new AbortController().signal,
  });

  await expect(pull).rejects.toEqual(new PullError(output, status === 200 ? null : status));
  expect(await flooded.promise).toBeLessThan(BOUND_BYTES);
});
