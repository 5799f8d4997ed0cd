/** The keys by which hosts are known: whose signature a batch of usage rows may carry. */
import type { Connection } from "../database/database.ts";

/** Answers those who ask in the same moment by one question. */
export class HostKeys {
  readonly #sql: Connection;
  #requesting: { hostIds: Set<string>; keys: Promise<Map<string, string[]>> } | null = null;

  constructor(sql: Connection) {
    this.#sql = sql;
  }

  /** Public nkeys of the host that were not revoked; usually one. */
  async ofHost(hostId: string): Promise<string[]> {
    this.#requesting ??= this.#requestSoon();
    this.#requesting.hostIds.add(hostId);
    return (await this.#requesting.keys).get(hostId) ?? [];
  }

  #requestSoon(): { hostIds: Set<string>; keys: Promise<Map<string, string[]>> } {
    const hostIds = new Set<string>();
    const keys = Promise.resolve().then(() => {
      this.#requesting = null;
      return keysOfHosts(this.#sql, [...hostIds]);
    });
    return { hostIds, keys };
  }
}

async function keysOfHosts(sql: Connection, hostIds: readonly string[]): Promise<Map<string, string[]>> {
  const { rows } = await sql.query<{ host_id: string; nkey: string }>(
    "SELECT host_id, nkey FROM host_credentials WHERE host_id = ANY($1::text[]) AND revoked_at IS NULL",
    [hostIds],
  );
  const ofHosts = Map.groupBy(rows, ({ host_id }) => host_id);
  return new Map([...ofHosts].map(([hostId, ones]) => [hostId, ones.map(({ nkey }) => nkey)]));
}
