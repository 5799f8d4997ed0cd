/**
 * One leased port: listens, lets in whom its bounds allow, and asks for a way to the service for each client. A client
 * that cannot be brought there is closed at once, and so is one beyond the bounds.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { LeaseId } from "@remotegpu/shared/ids";
import type { LeaseService } from "@remotegpu/shared/lease";
import { addressOf, groupOf } from "../../core/access/client-group.ts";
import { ConnectionLimits } from "../../core/access/connection-limits.ts";
import { useRuleOf, type UseRule } from "../../core/access/session-use.ts";
import { listenerHandleOf, type ListenerHandle } from "./listener-handle.ts";
import { listening } from "./listening.ts";
import type { LeaseActivity } from "./relay-messages.ts";
import { RelayedConnection } from "./relayed-connection.ts";
import { SILENT_MS, type SessionLog } from "./session-log.ts";
import { Visit, type Way } from "./visit.ts";

const BACKLOG = 512;

/** Dialled by the broker, with where that leads. */
export type ServiceSocket = { socket: Socket; way: Way };

export class LeasedPort {
  readonly #leaseId: LeaseId;
  readonly #rule: UseRule;
  readonly #server: Server;
  readonly #dial: (leaseId: LeaseId) => Promise<ServiceSocket | null>;
  readonly #limits: ConnectionLimits;
  readonly #log: SessionLog;
  readonly #clients = new Set<Socket>();
  readonly #visits = new Set<Visit>();
  /** Of connections that have closed since it was told last. */
  #closed = { isUsed: false, bytesIn: 0, bytesOut: 0 };
  readonly #nowMs: () => number;
  readonly #onChange: () => void;
  #port: number | null = null;
  #isClosed = false;

  constructor(options: {
    leaseId: LeaseId;
    service: LeaseService;
    internalPort: number;
    /** Null when there is no way now. */
    dial: (leaseId: LeaseId) => Promise<ServiceSocket | null>;
    log: SessionLog;
    nowMs: () => number;
    /** Somebody came or went. */
    onChange: () => void;
  }) {
    this.#leaseId = options.leaseId;
    this.#rule = useRuleOf(options);
    this.#limits = new ConnectionLimits(options.service);
    this.#dial = options.dial;
    this.#log = options.log;
    this.#nowMs = options.nowMs;
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
    for (const visit of this.#visits) add(activity, visit, this.#nowMs());
    const isSilent = !activity.isUsed && activity.bytesIn === 0 && activity.bytesOut === 0;
    return isSilent ? null : activity;
  }

  /** The number is free again when this returns; who was connected is cut off. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#port = null;
    for (const visit of this.#visits) visit.end({ by: "cut", detail: "Its port was released." });
    for (const client of this.#clients) client.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(client: Socket): Promise<void> {
    const from = addressOf(client.remoteAddress ?? "");
    const group = groupOf(from);
    const admission = this.#limits.admit(group, this.#nowMs());
    if (admission !== "admitted") {
      client.resetAndDestroy();
      this.#log.refused(this.#leaseId, from, admission);
      this.#onChange();
      return;
    }
    let isNamed = false;
    this.#clients.add(client);
    this.#onChange();
    client.once("close", () => {
      this.#clients.delete(client);
      this.#limits.left(group, { isNamed });
      this.#onChange();
    });
    client.on("error", () => client.destroy());
    if (this.#limits.isCrowded(group) && !(await begins(client))) {
      client.destroy();
      this.#log.refused(this.#leaseId, from, "silent");
      return;
    }
    const service = await this.#dial(this.#leaseId);
    if (service === null || client.destroyed || this.#isClosed) {
      service?.socket.destroy();
      client.destroy();
      this.#log.refused(this.#leaseId, from, service === null ? "no-way" : "silent");
      return;
    }
    const onNamed = () => {
      isNamed = true;
      this.#limits.named(group);
    };
    this.#relay(client, service, { from, onNamed });
  }

  async #listening(port: number, listen: (done: () => void) => void): Promise<void> {
    // Whoever asks for the same number from now on finds it.
    this.#port = port;
    await listening(this.#server, listen);
  }

  #relay(
    client: Socket,
    { socket, way }: ServiceSocket,
    { from, onNamed }: { from: string; onNamed: () => void },
  ): void {
    const carried = new RelayedConnection(client, socket, ({ end }) => {
      this.#visits.delete(visit);
      add(this.#closed, visit, this.#nowMs());
      this.#log.closed(visit, end);
      this.#onChange();
    });
    const [leaseId, rule, nowMs] = [this.#leaseId, this.#rule, this.#nowMs()];
    const visit = new Visit({ leaseId, rule, from, way, carried, nowMs, onNamed });
    this.#visits.add(visit);
    this.#log.opened(visit);
  }
}

/** False: nothing has come in time. Nothing of it is read here. */
async function begins(client: Socket): Promise<boolean> {
  const first = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => first.resolve(false), SILENT_MS);
  client.once("readable", () => first.resolve(true));
  client.once("close", () => first.resolve(false));
  return first.promise.finally(() => clearTimeout(timer));
}

function add(sum: { isUsed: boolean; bytesIn: number; bytesOut: number }, visit: Visit, nowMs: number): void {
  const { isUsed, bytesIn, bytesOut } = visit.takeUse(nowMs);
  sum.isUsed ||= isUsed;
  sum.bytesIn += bytesIn;
  sum.bytesOut += bytesOut;
}
