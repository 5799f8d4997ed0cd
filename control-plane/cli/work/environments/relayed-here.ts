/** A port of this machine whose connections lead through the gateway, each by a WebSocket of its own, until it is ended. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import type { ApiClient } from "../../framework/api-client.ts";
import { CliError } from "../../framework/cli-error.ts";

export interface RelayedHere {
  port: number;
  close: () => Promise<void>;
}

/** @param told.address of the gateway, as `access` names it. @param told.failed is told why one led nowhere */
export async function relayedHere({
  api,
  address,
  failed,
}: {
  api: Pick<ApiClient, "webSocket">;
  address: string;
  failed: (sentence: string) => void;
}): Promise<RelayedHere> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => undefined);
    carried(api, address, socket).catch((error: unknown) => {
      if (error instanceof CliError) failed(error.message);
      socket.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const listening = server.address();
  return {
    port: typeof listening === "object" && listening !== null ? listening.port : 0,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

async function carried(api: Pick<ApiClient, "webSocket">, address: string, socket: Socket): Promise<void> {
  const bytes = await api.webSocket(address);
  // Whichever side ends, the other has nothing to say any more.
  await Promise.race([pipeline(socket, bytes), pipeline(bytes, socket)]).catch(() => undefined);
  socket.destroy();
  bytes.destroy();
}
