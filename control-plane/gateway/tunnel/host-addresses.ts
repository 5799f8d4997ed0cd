/** Where hosts are, by Postgres; remembered for some seconds, and for as long as Postgres is away. */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Database } from "../../server/store/database/database.ts";
import { StoreError } from "../../server/store/database/store-error.ts";
import { hostAddress } from "../../server/store/gateway/host-addresses.ts";
import type { HostAddress } from "./direct-route.ts";
import { TunnelError } from "./tunnel.ts";

const FRESH_FOR_MS = 5_000;
/** Beyond it the oldest are forgotten. */
const MAX_REMEMBERED = 10_000;

type Read = { address: HostAddress | null; atMs: number };

export class HostAddresses {
  readonly #db: Database;
  readonly #read = new Map<HostId, Read>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** @throws TunnelError */
  async of(hostId: HostId): Promise<HostAddress> {
    const address = await this.#addressOf(hostId);
    if (address === null)
      throw new TunnelError("away", { code: "tunnel-host-unknown", params: { host_id: hostId } });
    return address;
  }

  async #addressOf(hostId: HostId): Promise<HostAddress | null> {
    const read = this.#read.get(hostId);
    if (read !== undefined && performance.now() - read.atMs < FRESH_FOR_MS) return read.address;
    try {
      const address = await hostAddress(this.#db, hostId);
      this.#remember(hostId, { address, atMs: performance.now() });
      return address;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (read !== undefined) return read.address;
      throw new TunnelError("away", "tunnel-address-unknown", error);
    }
  }

  #remember(hostId: HostId, read: Read): void {
    this.#read.delete(hostId);
    this.#read.set(hostId, read);
    const [oldest] = this.#read.keys();
    if (this.#read.size > MAX_REMEMBERED && oldest !== undefined) this.#read.delete(oldest);
  }
}
