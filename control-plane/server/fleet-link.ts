/**
 * The way to the hosts over NATS as one thing with a lifetime: opened when NATS first answers, kept through every
 * outage from then on, and with it the journal stream. Without NATS or its JetStream the control plane serves all the
 * same: whoever asks for the way is told that there is none, and one loop looks again.
 */
import { inEnglish } from "./core/reasons/english/english.ts";
import { Events, type NatsConnection } from "nats";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { outsideOfTraces } from "@remotegpu/shared/tracing/current-trace";
import type { ExecReply, ExecRequest } from "@remotegpu/shared/messages/protocol";
import { type RunningLoop, startLoop } from "./controllers/loop.ts";
import {
  type Degradation,
  type JournalBacklog,
  degradationOf,
  replicasReason,
  type StreamState,
} from "./core/ingest/journal-stream.ts";
import { AccountKeeper } from "./link/identity/account-keeper.ts";
import type { Revocation } from "./link/servers/account-claims.ts";
import { connectControlPlane, NatsUnreachableError, type NatsAddress } from "./link/servers/connection.ts";
import { HostOrders, HostUnreachableError } from "./link/hosts/host-orders.ts";
import { type HostHandlers, serveHosts } from "./link/hosts/host-requests.ts";
import { readJournalBacklog } from "./link/journal/journal-backlog.ts";
import { JournalConsumer, type JournalHandler } from "./link/journal/journal-consumer.ts";
import { awayState, JournalKeeping, serversSeen } from "./link/journal/journal-keeping.ts";
import { ensureJournalStream } from "./link/journal/journal-stream.ts";
import { LogStreams } from "./link/hosts/log-streams.ts";
import type { LogOpening, LogQuery, Reader } from "./core/workloads/log-stream.ts";
import type { Operator } from "./link/servers/operator.ts";
import { Wakes } from "./link/servers/wakes.ts";

const CHECK_EVERY_MS = 2_000;
const LOST: StreamState = { kind: "away", cause: "nats", detail: "the connection is lost" };

interface FleetLinkParts {
  operator: Operator;
  address: NatsAddress;
  log: Log;
}

/** What is done with what comes over it. */
interface FleetLinkUse {
  hosts: HostHandlers;
  journal: JournalHandler;
  /** Another replica wakes the loops. */
  woken: () => void;
  readRevoked: () => Promise<Revocation[]>;
}

/** All that stands on one connection, which outlives the outages of NATS. */
interface Route {
  connection: NatsConnection;
  orders: HostOrders;
  logs: LogStreams;
  accounts: AccountKeeper;
  journal: JournalConsumer;
  hosts: { close(): Promise<void> };
}

export class FleetLink {
  readonly #parts: FleetLinkParts;
  readonly #keeping: JournalKeeping;
  readonly #wakes = new Wakes();
  #route: Route | null = null;
  /** Null before the first look has ended. */
  #state: StreamState | null = null;
  #loop: RunningLoop | null = null;
  /** Of those who wait for the next look to end. */
  #checked: (() => void)[] = [];

  constructor(parts: FleetLinkParts) {
    this.#parts = parts;
    this.#keeping = new JournalKeeping({
      ensure: ensureJournalStream,
      servers: () => serversSeen(parts.operator, parts.address),
      nowMs: () => performance.now(),
    });
  }

  /** Resolves after the first look, whatever it found. */
  async start(use: FleetLinkUse): Promise<void> {
    const checked = new Promise<void>((resolve) => this.#checked.push(resolve));
    this.#loop = startLoop({
      name: "journal-stream",
      everyMs: CHECK_EVERY_MS,
      pass: () => this.#check(use),
      log: this.#parts.log,
    });
    await checked;
  }

  get isConnected(): boolean {
    return this.#route?.orders.isConnected ?? false;
  }

  get stream(): StreamState {
    return this.#state ?? { kind: "away", cause: "nats", detail: "it was not asked yet" };
  }

  /** What is away at this moment, for everyone to read. */
  degraded(): Degradation[] {
    const degradation = degradationOf(this.stream);
    return degradation === null ? [] : [degradation];
  }

  /** Null while NATS or the stream does not answer. */
  async journalBacklog(): Promise<JournalBacklog | null> {
    const route = this.#route;
    return route === null || !this.isConnected ? null : await readJournalBacklog(route.connection);
  }

  nudge(host: HostId): void {
    this.#route?.orders.nudge(host);
  }

  /** Only one replica leads, and it need not be this one. */
  wakeOthers(): void {
    if (this.#route !== null) this.#wakes.report(this.#route.connection);
  }

  /** Null when the host does not answer. */
  async exec(host: HostId, request: ExecRequest, signal: AbortSignal): Promise<ExecReply | null> {
    try {
      return (await this.#route?.orders.exec(host, request, signal)) ?? null;
    } catch (error) {
      if (error instanceof HostUnreachableError) return null;
      throw error;
    }
  }

  async openLogs(host: HostId, query: LogQuery, reader: Reader): Promise<LogOpening> {
    if (this.#route === null) return NATS_SILENT;
    return await this.#route.logs.open(host, query, reader);
  }

  /** @throws NatsUnreachableError and what pushing throws; it is done anyway once NATS answers */
  async revocationsChanged(): Promise<void> {
    if (this.#route === null) throw new NatsUnreachableError("NATS does not answer yet");
    await this.#route.accounts.push();
  }

  /** Those who read logs are told, before the API ends. */
  endLogs(): void {
    this.#route?.logs.close();
  }

  async stop(): Promise<void> {
    // Ingest first: it may wait for a look, and the loop still makes one.
    const route = this.#route;
    await route?.accounts.stop();
    // Without a connection there is nothing to finish, and a farewell would wait for one.
    if (this.isConnected) await route?.hosts.close();
    await route?.journal.stop();
    await this.#loop?.stop();
    // A look that was under way may have opened it only now.
    if (this.#route !== route) return this.stop();
    await route?.connection.close();
  }

  async #check(use: FleetLinkUse): Promise<void> {
    // Whoever begins to wait from now on means a look that begins later.
    const waiting = this.#checked;
    this.#checked = [];
    try {
      this.#report(await this.#stateNow(use));
    } finally {
      for (const resolve of waiting) resolve();
    }
  }

  async #stateNow(use: FleetLinkUse): Promise<StreamState> {
    const { operator, address, log } = this.#parts;
    const isNew = this.#route === null;
    try {
      // It outlives the pass that opens it.
      this.#route ??= await outsideOfTraces(
        async () => await this.#open(await connectControlPlane(operator, address, log), use),
      );
    } catch (error) {
      return awayState(error);
    }
    const { connection, journal } = this.#route;
    const state = this.isConnected ? await this.#keeping.check(connection) : LOST;
    // Not before, or it would begin by missing a stream that is only about to be made.
    if (isNew) journal.start();
    return state;
  }

  async #open(connection: NatsConnection, use: FleetLinkUse): Promise<Route> {
    try {
      return await this.#build(connection, use);
    } catch (error) {
      // Nobody else knows of it: it would reconnect for ever, beside the one that the next look opens.
      await connection.close();
      throw error;
    }
  }

  async #build(connection: NatsConnection, use: FleetLinkUse): Promise<Route> {
    const { operator, address, log } = this.#parts;
    const accounts = new AccountKeeper({ operator, address, connection, readRevoked: use.readRevoked, log });
    const journal = new JournalConsumer(connection, use.journal, { repair: () => this.#checkAgain(), log });
    const route = {
      connection,
      orders: new HostOrders(connection),
      logs: new LogStreams(connection),
      accounts,
      journal,
    };
    this.#wakes.hear(connection, use.woken);
    const hosts = await serveHosts(connection, use.hosts, log);
    void this.#followConnection(connection);
    accounts.start();
    return { ...route, hosts };
  }

  #checkAgain(): Promise<void> {
    const checked = new Promise<void>((resolve) => this.#checked.push(resolve));
    this.#loop?.wake();
    return checked;
  }

  async #followConnection(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status())
      if (type === Events.Disconnect || type === Events.Reconnect) this.#loop?.wake();
  }

  /** Said when it changes: it may last for days. */
  #report(state: StreamState): void {
    const before = this.#state === null ? null : sentenceOf(this.#state);
    const after = sentenceOf(state);
    this.#state = state;
    if (after === before) return;
    if (state.kind === "away") this.#parts.log.error({ stream: state }, `degraded: ${after}`);
    else this.#parts.log.info({ stream: state }, `usage is taken in: ${after}`);
  }
}

function sentenceOf(state: StreamState): string {
  if (state.kind === "well") return inEnglish(replicasReason(state));
  const degradation = degradationOf(state);
  return degradation === null ? "" : inEnglish(degradation.why);
}

const NATS_SILENT: LogOpening = {
  opened: false,
  reason: "unreachable",
  why: { code: "nats-not-answering", params: {} },
};
