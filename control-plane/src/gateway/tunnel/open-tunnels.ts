/**
 * The tunnels of one gateway: where hosts are comes from Postgres, and is remembered for the time that Postgres is away.
 */
import type { HostId } from "@remotegpu/shared/ids";
import { type Database, StoreError } from "../../store/database/database.ts";
import { hostAddress } from "../../store/gateway/host-addresses.ts";
import { DirectWay, type HostAddress } from "./direct-way.ts";
import { type Credential, OwnCertificate } from "./own-certificate.ts";
import { type Destination, TunnelError, type Tunnels } from "./tunnel.ts";

const FRESH_FOR_MS = 5_000;

export interface OpenTunnels extends Tunnels {
  close(): void;
}

export function openTunnels(deps: {
  db: Database;
  now: () => Date;
  /** Of the access authority, for a gateway. */
  certify: (now: Date) => Promise<Credential>;
}): OpenTunnels {
  const certificate = new OwnCertificate({ make: deps.certify, now: deps.now });
  const direct = new DirectWay({ context: () => certificate.context() });
  const addresses = new HostAddresses(deps.db);
  return {
    async open(to: Destination) {
      return direct.open(to, await addresses.of(to.hostId));
    },
    close: () => direct.close(),
  };
}

class HostAddresses {
  readonly #db: Database;
  readonly #read = new Map<HostId, { address: HostAddress | null; atMs: number }>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** @throws TunnelError */
  async of(hostId: HostId): Promise<HostAddress> {
    const address = await this.#fresh(hostId);
    if (address === null) throw new TunnelError("away", `Host ${hostId} is no host of this fleet any more.`);
    return address;
  }

  async #fresh(hostId: HostId): Promise<HostAddress | null> {
    const read = this.#read.get(hostId);
    if (read !== undefined && performance.now() - read.atMs < FRESH_FOR_MS) return read.address;
    try {
      const address = await hostAddress(this.#db, hostId);
      this.#read.set(hostId, { address, atMs: performance.now() });
      return address;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (read !== undefined) return read.address;
      throw new TunnelError("away", "Where that host is cannot be looked up now.", error);
    }
  }
}
