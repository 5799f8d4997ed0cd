/**
 * The control socket: a unix socket in the state folder that only root can connect to. One agent is listened to at
 * a time, the one that connected last and made sense; what makes none is refused and its connection ended.
 */
import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Log } from "@remotegpu/shared/log";
import { AccessList, MAX_LINE_BYTES, type AccessNews } from "./control-messages.ts";
import { readLines, writeLine } from "./lines.ts";

const MAX_CONNECTIONS = 16;
/** Mode 0600 from the first moment on; elsewhere others could connect before a chmod. */
const SOCKET_UMASK = 0o177;
/** The kernel's bound of a unix socket's path. */
const LONGEST_PATH_BYTES = 107;

export class ControlSocketError extends Error {
  override name = "ControlSocketError";
}

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
    if (Buffer.byteLength(this.#path) > LONGEST_PATH_BYTES)
      throw new ControlSocketError(
        `${this.#path} is too long for a socket (${LONGEST_PATH_BYTES} bytes at most): choose a shorter state folder`,
      );
    // Left by a process that was killed; the folder's lock says that none is at work.
    rmSync(this.#path, { force: true });
    const umask = process.umask(SOCKET_UMASK);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(this.#path, resolve);
      });
    } catch (cause) {
      throw new ControlSocketError(`cannot listen on ${this.#path}`, { cause });
    } finally {
      process.umask(umask);
    }
  }

  /** To the agent, if one is there. */
  tell(news: AccessNews): void {
    if (this.#agent !== null) writeLine(this.#agent, news);
  }

  /** Also removes the socket. */
  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
