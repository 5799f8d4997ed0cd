/**
 * The way of one party to a server over TCP, which a test can silence, as a network does that loses every packet.
 */
import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";

const LOOPBACK = "127.0.0.1";

export class Route {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #port: number;
  #isSilent = false;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
  }

  /** @param port of this machine, to which it leads */
  static async open(port: number): Promise<Route> {
    const server = createServer();
    const route = new Route(server, port);
    server.on("connection", (near) => route.#join(near));
    server.listen(0, LOOPBACK);
    await once(server, "listening");
    return route;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Nothing passes any more, and nobody is told. */
  silence(): void {
    this.#isSilent = true;
    for (const socket of this.#open) socket.pause();
  }

  /** What was sent meanwhile arrives, as after a network's retransmissions. */
  mend(): void {
    this.#isSilent = false;
    for (const socket of this.#open) socket.resume();
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(near: Socket): void {
    const far = createConnection({ host: LOOPBACK, port: this.#port });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(from);
      from.on("data", (chunk: Buffer) => {
        if (to.write(chunk)) return;
        from.pause();
        to.once("drain", () => void (this.#isSilent || from.resume()));
      });
      from.on("end", () => to.end());
      // An error of one end is an end for the other.
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#open.delete(from);
        to.destroy();
      });
      if (this.#isSilent) from.pause();
    }
  }
}
