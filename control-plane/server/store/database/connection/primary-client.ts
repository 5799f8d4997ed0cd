/** The driver's client for a URL with several hosts, which connects to the primary alone. */
import { Client, type ClientConfig } from "pg";
import { NoPrimaryError, type PrimaryWatch, type WatchedServer } from "./primary-watch.ts";
import { stateOver } from "./server-probe.ts";

/** A server that answers does so much sooner; beyond it another may be the primary. */
const CONNECT_WITHIN_MS = 2_000;
const KEEPALIVE_AFTER_MS = 5_000;
const DEFAULT_PORT = 5_432;

type Connected = (error: Error | null) => void;

/** A class for the driver's pool, which makes clients of it with its own options. */
export function primaryClient(watch: PrimaryWatch, url: string): new (options?: ClientConfig) => Client {
  const ofOne: ClientConfig = {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
  };
  return class extends Client {
    constructor(options: ClientConfig = {}) {
      super({ ...options, ...ofOne });
    }

    override connect(): Promise<Client>;
    override connect(callback: ((error: Error) => void) | ((error: null, client: Client) => void)): void;
    override connect(callback?: unknown): Promise<Client> | void {
      const connected = this.#connectToPrimary();
      if (callback === undefined) return connected;
      void told(connected, callback as Connected);
    }

    async #connectToPrimary(): Promise<Client> {
      const server = await watch.primary();
      // Only these differ from one server to the next.
      aimAt(this, server);
      await super.connect();
      try {
        if (watch.admit(server, this, await stateOver(this))) return this;
      } catch (error) {
        this.connection.stream.destroy();
        throw error;
      }
      await this.end();
      throw new NoPrimaryError(`${server.place} is not the Postgres primary any more`);
    }
  };
}

async function told(connecting: Promise<Client>, done: Connected): Promise<void> {
  try {
    await connecting;
  } catch (error) {
    return done(error instanceof Error ? error : new Error(String(error)));
  }
  done(null);
}

function aimAt(client: Client, { url }: WatchedServer): void {
  const { hostname, port } = new URL(url);
  client.host = hostname.replaceAll(/^\[|\]$/g, "");
  client.port = port === "" ? DEFAULT_PORT : Number(port);
}
