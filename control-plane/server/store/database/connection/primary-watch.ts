/**
 * Which of the servers of a URL is the primary: looked at every other second, at once where a connection breaks, and never
 * taken from memory alone. Connections to any other are ended, so that whoever waits there is told and a former primary is
 * not written to.
 */
import { postgresPlaces, postgresUrls } from "@remotegpu/shared/settings/postgres-urls";
import type { Client } from "pg";
import {
  choosePrimary,
  describeServers,
  type SeenServer,
  type ServerState,
  type Timeline,
} from "../../../core/database/primary-choice.ts";
import { ServerProbe } from "./server-probe.ts";

const LOOK_EVERY_MS = 2_000;
/** While none is the primary. */
const LOOK_SOON_MS = 500;

/** None of the servers is the primary. */
export class NoPrimaryError extends Error {
  override readonly name = "NoPrimaryError";
}

/** The highest timeline that was seen, beyond the process where `write` keeps it. */
export interface TimelineMemory {
  read(): Timeline | null;
  write(timeline: Timeline): void;
}

export function forgetfulMemory(): TimelineMemory {
  let seen: Timeline | null = null;
  return { read: () => seen, write: (timeline) => void (seen = timeline) };
}

export interface WatchedServer {
  place: string;
  url: string;
}

interface Watched extends WatchedServer {
  probe: ServerProbe;
  clients: Set<Client>;
}

export class PrimaryWatch {
  readonly #servers: readonly Watched[];
  readonly #memory: TimelineMemory;
  readonly #onChange: (line: string) => void;
  #primary: Watched | null = null;
  #isKnown = false;
  #pending: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  /** @param onChange told in one line that another server is the primary */
  constructor(
    url: string,
    { memory, onChange }: { memory: TimelineMemory; onChange: (line: string) => void },
  ) {
    const places = postgresPlaces(url);
    this.#servers = postgresUrls(url).map((one, index) => ({
      place: places[index] ?? "",
      url: one,
      probe: new ServerProbe(one, () => this.doubt()),
      clients: new Set(),
    }));
    this.#memory = memory;
    this.#onChange = onChange;
  }

  /** @throws NoPrimaryError */
  async primary(): Promise<WatchedServer> {
    if (!this.#isKnown) await this.#look();
    if (this.#primary !== null && this.#isKnown) return this.#primary;
    throw new NoPrimaryError(`no primary among ${this.#description}`);
  }

  /** A connection to the primary failed: it is looked at again before the next one. */
  doubt(): void {
    this.#isKnown = false;
    if (!this.#isClosed) void this.#look();
  }

  /** False where this server is not the primary, or no longer: the connection is of no use. */
  admit(server: WatchedServer, client: Client, state: ServerState): boolean {
    const chosen = choosePrimary([{ place: server.place, state }], {
      timeline: this.#memory.read(),
      place: server.place,
    });
    if (chosen === null || this.#primary?.place !== server.place) {
      this.doubt();
      return false;
    }
    const { clients } = this.#primary;
    clients.add(client);
    client.once("end", () => clients.delete(client));
    return true;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { probe } of this.#servers) probe.close();
  }

  #seen: readonly SeenServer[] = [];

  get #description(): string {
    return describeServers(this.#seen, this.#memory.read());
  }

  #look(): Promise<void> {
    this.#pending ??= this.#lookOnce().finally(() => {
      this.#pending = null;
      this.#lookAgain();
    });
    return this.#pending;
  }

  #lookAgain(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#isClosed) {
      this.close();
      return;
    }
    this.#timer = setTimeout(() => void this.#look(), this.#isKnown ? LOOK_EVERY_MS : LOOK_SOON_MS).unref();
  }

  async #lookOnce(): Promise<void> {
    this.#seen = await Promise.all(
      this.#servers.map(async ({ place, probe }) => ({ place, state: await probe.state() })),
    );
    const chosen = choosePrimary(this.#seen, {
      timeline: this.#memory.read(),
      place: this.#primary?.place ?? null,
    });
    this.#isKnown = chosen !== null;
    this.#remember(chosen);
    this.#follow(this.#servers.find(({ place }) => place === chosen?.place) ?? null);
  }

  #remember(chosen: SeenServer | null): void {
    if (chosen?.state.kind !== "primary") return;
    const { timeline } = chosen.state;
    const known = this.#memory.read();
    if (known?.system !== timeline.system || known.number < timeline.number) this.#memory.write(timeline);
  }

  /** A server that does not answer may do so again, and there is no other: its connections are left. */
  #follow(chosen: Watched | null): void {
    for (const server of this.#servers) {
      const state = this.#seen.find(({ place }) => place === server.place)?.state.kind;
      if (server !== chosen && (chosen !== null || state !== "silent")) endConnections(server);
    }
    if (chosen === null || chosen === this.#primary) return;
    if (this.#primary !== null)
      this.#onChange(`${chosen.place} is the Postgres primary now: ${this.#description}`);
    this.#primary = chosen;
  }
}

/** At once: one that hangs would answer nobody. */
function endConnections({ place, clients }: Watched): void {
  for (const client of clients)
    client.connection.stream.destroy(new Error(`${place} is not the Postgres primary any more`));
  clients.clear();
}
