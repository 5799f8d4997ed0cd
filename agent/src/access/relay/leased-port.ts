/**
 * One leased port: listens, counts who is connected, and asks for a way to the service for each client. A client
 * that cannot be brought there is closed at once, and so is one beyond the limits.
 */
import { createServer, type Server, type Socket } from "node:net";
import { listenerHandleOf, type ListenerHandle } from "./listener-handle.ts";
import { listening } from "./listening.ts";
import type { LeaseActivity } from "./relay-messages.ts";
import { RelayedConnection } from "./relayed-connection.ts";

const MAX_CONNECTIONS_OF_LEASE = 512;
/** Browsers open some dozens; more from one address on one port is a flood. */
export const MAX_CONNECTIONS_OF_CLIENT = 128;
const BACKLOG = 512;

export class LeasedPort {
  readonly #leaseId: LeaseActivity["leaseId"];
  readonly #server: Server;
  readonly #dial: (leaseId: LeaseActivity["leaseId"]) => Promise<Socket | null>;
  readonly #clients = new Map<Socket, string>();
  readonly #connections = new Set<RelayedConnection>();
  /** Of connections that have closed since it was told last. */
  #closed = { isUsed: false, bytesIn: 0, bytesOut: 0 };
  readonly #onChange: () => void;
  #port: number | null = null;
  #isClosed = false;

  constructor(options: {
    leaseId: LeaseActivity["leaseId"];
    /** Null when there is no way now. */
    dial: (leaseId: LeaseActivity["leaseId"]) => Promise<Socket | null>;
    /** Somebody came or went. */
    onChange: () => void;
  }) {
    this.#leaseId = options.leaseId;
    this.#dial = options.dial;
    this.#onChange = options.onChange;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
      void this.#serve(client);
    });
  }

  /** Rejects with the system's error when the port cannot be bound. */
  async listen(port: number, address: string | null): Promise<void> {
    await this.#listening(port, (done) =>
      this.#server.listen({ port, backlog: BACKLOG, ...(address !== null && { host: address }) }, done),
    );
  }

  /** Listens on a socket that another process has bound. Rejects with the system's error. */
  async adopt(port: number, handle: ListenerHandle): Promise<void> {
    await this.#listening(port, (done) => this.#server.listen(handle, BACKLOG, done));
  }

  /** Null while it does not listen. */
  get listener(): { port: number; handle: ListenerHandle } | null {
    const handle = listenerHandleOf(this.#server);
    return this.#port === null || handle === null ? null : { port: this.#port, handle };
  }

  /** The number is not this process's any more; who is connected stays. */
  stopListening(): void {
    this.#port = null;
    this.#server.close();
  }

  get openConnections(): number {
    return this.#clients.size;
  }

  /** What happened since it was asked last; null when nothing did. */
  takeActivity(): LeaseActivity | null {
    const activity = { leaseId: this.#leaseId, ...this.#closed };
    this.#closed = { isUsed: false, bytesIn: 0, bytesOut: 0 };
    for (const connection of this.#connections) add(activity, connection);
    const isSilent = !activity.isUsed && activity.bytesIn === 0 && activity.bytesOut === 0;
    return isSilent ? null : activity;
  }

  /** The number is free again when this returns; who was connected is cut off. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#port = null;
    for (const client of this.#clients.keys()) client.destroy();
    for (const connection of this.#connections) connection.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(client: Socket): Promise<void> {
    const address = client.remoteAddress ?? "";
    if (this.#isFull(address)) {
      client.resetAndDestroy();
      return;
    }
    this.#clients.set(client, address);
    this.#onChange();
    client.once("close", () => {
      this.#clients.delete(client);
      this.#onChange();
    });
    client.on("error", () => client.destroy());
    const service = await this.#dial(this.#leaseId);
    if (service === null || client.destroyed || this.#isClosed) {
      service?.destroy();
      client.destroy();
      return;
    }
    this.#connections.add(
      new RelayedConnection(client, service, (closed) => {
        this.#connections.delete(closed);
        add(this.#closed, closed);
        this.#onChange();
      }),
    );
  }

  async #listening(port: number, listen: (done: () => void) => void): Promise<void> {
    // Whoever asks for the same number from now on finds it.
    this.#port = port;
    await listening(this.#server, listen);
  }

  #isFull(address: string): boolean {
    if (this.#clients.size >= MAX_CONNECTIONS_OF_LEASE) return true;
    let ofClient = 0;
    for (const other of this.#clients.values()) if (other === address) ofClient += 1;
    return ofClient >= MAX_CONNECTIONS_OF_CLIENT;
  }
}

function add(
  sum: { isUsed: boolean; bytesIn: number; bytesOut: number },
  connection: RelayedConnection,
): void {
  const { bytesIn, bytesOut } = connection.takeBytes();
  sum.isUsed ||= connection.isUsed;
  sum.bytesIn += bytesIn;
  sum.bytesOut += bytesOut;
}
