/**
 * What a Postgres server says of itself, over a connection of its own that stays: a server that hangs would keep one of the
 * pool's. What is asked for, any login may ask.
 */
import { Client } from "pg";
import type { ServerState } from "../../../core/database/primary-choice.ts";

/** To connect, and to answer. */
const PROBE_WITHIN_MS = 1_000;

/** A standby has no place to write at. */
const WHAT_ARE_YOU = `
  SELECT system_identifier::text AS system,
         CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END AS wal_file
    FROM pg_control_system()`;
/** A segment's name begins with its timeline. */
const TIMELINE_DIGITS = 8;

interface Said {
  system: string;
  wal_file: string | null;
}

export class ServerProbe {
  readonly #url: string;
  readonly #onLost: () => void;
  #client: Client | null = null;

  /** @param onLost its connection was ended by the other side */
  constructor(url: string, onLost: () => void) {
    this.#url = url;
    this.#onLost = onLost;
  }

  async state(): Promise<ServerState> {
    try {
      const client = this.#client ?? (await this.#connect());
      return await stateOver(client);
    } catch {
      // Whatever it is, nothing can be written there.
      this.close();
      return { kind: "silent" };
    }
  }

  close(): void {
    const client = this.#client;
    this.#client = null;
    // A server that hangs would not end it.
    client?.connection.stream.destroy();
  }

  async #connect(): Promise<Client> {
    const client = new Client({
      connectionString: this.#url,
      connectionTimeoutMillis: PROBE_WITHIN_MS,
      application_name: "remotegpu primary watch",
    });
    client.on("error", () => this.#lose(client));
    client.on("end", () => this.#lose(client));
    await client.connect();
    this.#client = client;
    return client;
  }

  #lose(client: Client): void {
    if (this.#client !== client) return;
    this.#client = null;
    this.#onLost();
  }
}

/** @throws what the driver does */
export async function stateOver(client: Pick<Client, "query">): Promise<ServerState> {
  const question = { text: WHAT_ARE_YOU, query_timeout: PROBE_WITHIN_MS };
  const { rows } = await client.query<Said>(question);
  const [said] = rows;
  if (said === undefined) return { kind: "silent" };
  if (said.wal_file === null) return { kind: "standby" };
  const number = Number.parseInt(said.wal_file.slice(0, TIMELINE_DIGITS), 16);
  return { kind: "primary", timeline: { system: said.system, number } };
}
