/** A line to a server that counts what goes to it, and can be held and cut. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";

export class CountedLine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Map<Socket, Socket>();
  #held = new Map<Socket, Socket>();
  #waiting: { bytes: number; reached: () => void }[] = [];
  /** That went to the server. */
  sent = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param port of the server, asked for anew with each connection */
  static async open(port: () => number): Promise<CountedLine> {
    const server = createServer((client) => line.#carry(client, port()));
    const line = new CountedLine(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return line;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Resolves once so many bytes have gone over since the line was opened. */
  reached(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ bytes, reached: resolve });
      this.#report();
    });
  }

  /** What is on the way is lost, and whoever comes next begins anew. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Of who is connected now nothing more goes over until it is let go. */
  hold(): void {
    this.#held = new Map(this.#clients);
    for (const [client, server] of this.#held) client.unpipe(server).pause();
  }

  letGo(): void {
    for (const [client, server] of this.#held) client.pipe(server);
    this.#held.clear();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #carry(client: Socket, port: number): void {
    const server = connect(port, "127.0.0.1");
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    this.#clients.set(client, server);
    client.once("close", () => this.#clients.delete(client));
    client.on("data", (bytes) => {
      this.sent += bytes.length;
      this.#report();
    });
    client.pipe(server);
    server.pipe(client);
  }

  #report(): void {
    for (const { reached } of this.#waiting.filter(({ bytes }) => bytes <= this.sent)) reached();
    this.#waiting = this.#waiting.filter(({ bytes }) => bytes > this.sent);
  }
}
