/**
 * One leased port: listens, lets in whom its bounds allow, and asks for a way to the service for each client. A client
 * that cannot be brought there is closed at once, and so is one beyond the bounds. Where all of a port of SSH is taken, one
 * that has not logged in makes room. Whoever comes from where too many logins came to nothing is led there by keys alone.
 */
import { createServer, type Server } from "node:net";
import type { LeaseId } from "@remotegpu/shared/values/ids";
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import type { AttemptOutcome } from "../../core/access/attempt-windows.ts";
import { addressOf, groupOf } from "../../core/access/client-group.ts";
import { ConnectionLimits } from "../../core/access/connection-limits.ts";
import { whoMakesRoom } from "../../core/access/making-room.ts";
import {
  LEAST_BYTES_OF_A_TRY,
  PasswordLimiter,
  type PasswordTries,
  type Spent,
} from "../../core/access/password-limiter.ts";
import { useRuleOf, type UseRule } from "../../core/access/session-use.ts";
import { listenerHandleOf, type ListenerHandle } from "./listener-handle.ts";
import { listening } from "./listening.ts";
import type { LeaseActivity } from "./relay-messages.ts";
import { RelaySocket } from "./connections/relay-socket.ts";
import { RelayedConnection, type ConnectionEnd } from "./connections/relayed-connection.ts";
import { SILENT_MS, type SessionLog } from "./session-log.ts";
import { type Carried, Visit, type Route } from "./connections/visit.ts";

const BACKLOG = 512;

/** Dialled by the broker, with where that leads. */
export type ServiceSocket = { socket: RelaySocket; route: Route };

/** Begins to carry bytes, and says later how that ended. */
type Begin = (onClosed: (end: ConnectionEnd) => void) => Carried;

/** A client that was let in. */
type Client = {
  readonly socket: RelaySocket;
  readonly from: string;
  readonly group: string;
  readonly cameMs: number;
  isNamed: boolean;
  /** For somebody who came later; it is closed and counts no more. */
  madeRoom: boolean;
  /** Its try at a password; null: it has none, or has it back. */
  spent: Spent | null;
  /** Null: it is not led to the service yet. */
  visit: Visit | null;
};

type Dial = (leaseId: LeaseId, how: { isKeysOnly: boolean }) => Promise<ServiceSocket | null>;

export class LeasedPort {
  readonly #leaseId: LeaseId;
  readonly #rule: UseRule;
  readonly #server: Server;
  readonly #dial: Dial;
  readonly #limits: ConnectionLimits;
  /** Null: another server than ours, of whose logins nobody tells. */
  readonly #passwords: PasswordLimiter | null;
  #hasNewTries = false;
  readonly #log: SessionLog;
  /** In the order in which they came. */
  readonly #clients = new Set<Client>();
  readonly #visits = new Set<Visit>();
  /** Of connections that have closed since it was told last. */
  #closed = { isUsed: false, bytesIn: 0, bytesOut: 0 };
  readonly #nowMs: () => number;
  readonly #wallMs: () => number;
  readonly #onChange: () => void;
  #port: number | null = null;
  #isClosed = false;

  constructor(options: {
    leaseId: LeaseId;
    service: LeaseService;
    internalPort: number;
    /** Null when there is no way now. */
    dial: Dial;
    /** As they were told last, by whatever process. */
    tries: PasswordTries | null;
    log: SessionLog;
    clock: { monotonicMs: () => number; wallMs: () => number };
    /** Somebody came or went. */
    onChange: () => void;
  }) {
    this.#leaseId = options.leaseId;
    this.#rule = useRuleOf(options);
    this.#limits = new ConnectionLimits(options.service);
    this.#dial = options.dial;
    this.#log = options.log;
    this.#passwords = this.#rule === "login" ? new PasswordLimiter(options.tries) : null;
    this.#nowMs = options.clock.monotonicMs;
    this.#wallMs = options.clock.wallMs;
    this.#onChange = options.onChange;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
      void this.#serve(new RelaySocket(socket));
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

  get hasNewTries(): boolean {
    return this.#passwords !== null && this.#hasNewTries;
  }

  /** From where passwords may be tried, where that has changed since it was asked last; else null. */
  takeTries(): PasswordTries | null {
    if (this.#passwords === null || !this.#hasNewTries) return null;
    this.#hasNewTries = false;
    return this.#passwords.stored(this.#wallMs());
  }

  /** The number is free again when this returns; who was connected is cut off. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#port = null;
    for (const visit of this.#visits) visit.end({ by: "cut", detail: "Its port was released." });
    for (const { socket } of this.#clients) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(socket: RelaySocket): Promise<void> {
    const from = addressOf(socket.remoteAddress ?? "");
    const group = groupOf(from);
    const cameMs = this.#nowMs();
    const admission = this.#limits.admit(group, cameMs, () => this.#makeRoom(cameMs));
    if (admission !== "admitted") {
      socket.resetAndDestroy();
      this.#log.refused(this.#leaseId, from, admission);
      this.#onChange();
      return;
    }
    const client: Client = {
      socket,
      from,
      group,
      cameMs,
      isNamed: false,
      madeRoom: false,
      spent: null,
      visit: null,
    };
    this.#clients.add(client);
    this.#onChange();
    socket.once("close", () => {
      this.#leave(client);
      this.#onChange();
    });
    socket.on("error", () => socket.destroy());
    if (this.#limits.isCrowded(group) && !(await begins(socket))) {
      this.#cameToNothing(client, "silent");
      return;
    }
    client.spent = this.#spendTry(group);
    const isKeysOnly = this.#passwords !== null && client.spent === null;
    const service = await this.#dial(this.#leaseId, { isKeysOnly });
    if (service === null || socket.destroyed || this.#isClosed) {
      service?.socket.destroy();
      this.#cameToNothing(client, service === null ? "no-way" : "silent");
      return;
    }
    this.#relay(client, service);
  }

  #spendTry(group: string): Spent | null {
    this.#hasNewTries = true;
    return this.#passwords?.spend(group, this.#wallMs()) ?? null;
  }

  /** It has closed. Whoever has said so little has tried no password. */
  #settleTry({ group, spent, visit, isNamed }: Client): void {
    if (isNamed || spent === null || (visit?.bytesIn ?? 0) >= LEAST_BYTES_OF_A_TRY) return;
    this.#passwords?.giveBack(group, spent, this.#wallMs());
    this.#hasNewTries = true;
  }

  #cameToNothing(client: Client, outcome: AttemptOutcome): void {
    client.socket.destroy();
    this.#settleTry(client);
    if (!client.madeRoom) this.#log.refused(this.#leaseId, client.from, outcome);
  }

  /** It counts no more. */
  #leave(client: Client): void {
    if (this.#clients.delete(client)) this.#limits.left(client.group, client);
  }

  /** False: all have logged in. */
  #makeRoom(nowMs: number): boolean {
    const client = whoMakesRoom(this.#clients, nowMs);
    if (client === null) return false;
    this.#leave(client);
    client.madeRoom = true;
    if (client.visit === null) {
      client.socket.destroy();
      this.#log.refused(this.#leaseId, client.from, "too-many");
    } else this.#log.makesRoom(client.visit);
    return true;
  }

  /** A client that a gateway brings: told and cut off like one of this port. How many of them come is the gateway's matter. */
  carry(from: string, route: Route, begin: Begin): void {
    this.#enter({ from, route, onNamed: () => undefined }, begin);
  }

  async #listening(port: number, listen: (done: () => void) => void): Promise<void> {
    // Whoever asks for the same number from now on finds it.
    this.#port = port;
    await listening(this.#server, listen);
  }

  #relay(client: Client, { socket, route }: ServiceSocket): void {
    const onNamed = () => {
      client.isNamed = true;
      this.#passwords?.loggedIn(client.group, client.spent, this.#wallMs());
      this.#hasNewTries = true;
      if (!client.madeRoom) this.#limits.named(client.group);
    };
    const closed = (onClosed: (end: ConnectionEnd) => void, end: ConnectionEnd) => {
      onClosed(end);
      this.#settleTry(client);
    };
    client.visit = this.#enter(
      { from: client.from, route, onNamed },
      (onClosed) => new RelayedConnection(client.socket, socket, ({ end }) => closed(onClosed, end)),
    );
  }

  #enter({ from, route, onNamed }: { from: string; route: Route; onNamed: () => void }, begin: Begin): Visit {
    const carried = begin((end) => {
      this.#visits.delete(visit);
      add(this.#closed, visit, this.#nowMs());
      this.#log.closed(visit, end);
      this.#onChange();
    });
    const [leaseId, rule, nowMs] = [this.#leaseId, this.#rule, this.#nowMs()];
    const visit = new Visit({ leaseId, rule, from, route, carried, nowMs, onNamed });
    this.#visits.add(visit);
    this.#log.opened(visit);
    return visit;
  }
}

/** False: nothing has come in time. */
async function begins(client: RelaySocket): Promise<boolean> {
  const first = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => first.resolve(false), SILENT_MS);
  client.onFirst(() => first.resolve(true));
  client.once("close", () => first.resolve(false));
  return first.promise.finally(() => clearTimeout(timer));
}

function add(sum: { isUsed: boolean; bytesIn: number; bytesOut: number }, visit: Visit, nowMs: number): void {
  const { isUsed, bytesIn, bytesOut } = visit.takeUse(nowMs);
  sum.isUsed ||= isUsed;
  sum.bytesIn += bytesIn;
  sum.bytesOut += bytesOut;
}
