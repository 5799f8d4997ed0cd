/**
 * The control socket: a unix socket in the state folder that only root can connect to. One agent is listened to at
 * a time, the one that connected last and made sense; what makes none is refused and its connection ended.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Log } from "@remotegpu/shared/log";
import { AccessList, MAX_LINE_BYTES, type AccessMessage } from "./control-messages.ts";
import { readLines, writeLine } from "./lines.ts";
import { openSocketFile } from "../../process/socket-file.ts";

const MAX_CONNECTIONS = 16;

export class ControlServer {
  readonly #path: string;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  #agent: Socket | null = null;

  /** @param onList returns what to answer it with */
  constructor({ path, onList, log }: { path: string; onList: (list: AccessList) => void; log: Log }) {
    this.#path = path;
    this.#server = createServer((socket) => {
      this.#connections.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        this.#connections.delete(socket);
        if (this.#agent === socket) this.#agent = null;
      });
      readLines(
        socket,
        { schema: AccessList, maxBytes: MAX_LINE_BYTES },
        {
          take: (list) => {
            if (this.#agent !== socket) this.#agent?.destroy();
            this.#agent = socket;
            onList(list);
          },
          refuse: ({ message }) => {
            log.warn({ reason: message }, "something that makes no sense came on the control socket");
            writeLine(socket, { kind: "refused", reason: message });
            socket.end();
          },
        },
      );
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws ControlSocketError */
  async open(): Promise<void> {
    await openSocketFile(this.#server, this.#path);
  }

  /** To the agent, if one is there. */
  report(messages: AccessMessage): void {
    if (this.#agent !== null) writeLine(this.#agent, messages);
  }

  /** Also removes the socket. */
  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
