/**
 * Hosts that are keys, journals and rows only, for benches of ingest: a fleet whose runs prove a minute each minute, as
 * the bytes that arrive over NATS, signed and chained. Making them is no part of any figure.
 */
import { randomUUID } from "node:crypto";
import { createUser } from "@nats-io/nkeys";
import { insertCustomer } from "@remotegpu/control-plane/server/store/accounts/customers";
import { addPrice } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import { topUp } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { fixBootZero } from "@remotegpu/control-plane/server/store/billing/runs/run-time";
import { openRuns } from "@remotegpu/control-plane/server/store/billing/runs/runs";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { HostId } from "@remotegpu/shared/values/ids";
import { GENESIS_HASH, type JournalRow, signedText, UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { rowHash } from "@remotegpu/shared/proof/row-hash";
import { parsePoints, parseQuantity } from "@remotegpu/shared/values/money";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { encode } from "@remotegpu/shared/messages/wire";

/** When the boots' clocks were zero and the first runs were ordered: a full hour. */
const ZERO_MS = Date.parse("2026-03-10T02:00:00Z");

export const afterMinutes = (minutes: number) => new Date(ZERO_MS + minutes * MS_PER_MINUTE);

export interface Message {
  readonly hostId: HostId;
  readonly bytes: Uint8Array;
  readonly journalId: string;
  readonly rows: readonly JournalRow[];
}

export interface FleetSize {
  readonly hosts: number;
  readonly runsPerHost: number;
  /** Who pay, in turn. */
  readonly customerIds: readonly number[];
}

interface FleetHost {
  readonly id: HostId;
  readonly key: ReturnType<typeof createUser>;
  readonly bootId: string;
  readonly journalId: string;
  seq: number;
  hash: string;
  runs: { runId: string; instanceId: string }[];
}

export class UsageFleet {
  readonly #db: Database;
  readonly #size: FleetSize;
  readonly #hosts: readonly FleetHost[];
  /** Up to which minute all is proven. */
  minute = 0;

  private constructor(db: Database, size: FleetSize, hosts: readonly FleetHost[]) {
    this.#db = db;
    this.#size = size;
    this.#hosts = hosts;
  }

  /** `name` tells fleets of one database apart. */
  static async open(db: Database, name: string, size: FleetSize): Promise<UsageFleet> {
    const hosts = Array.from({ length: size.hosts }, (_, count) => newHost(`${name}-${count}`));
    for (const host of hosts) await openHost(db, host);
    const fleet = new UsageFleet(db, size, hosts);
    await fleet.startRuns();
    return fleet;
  }

  /** Each host has new runs from now on. */
  async startRuns(): Promise<void> {
    const { runsPerHost, customerIds } = this.#size;
    for (const host of this.#hosts)
      host.runs = Array.from({ length: runsPerHost }, () => {
        const id = randomUUID();
        return { runId: `run-${id}`, instanceId: `env-${id}` };
      });
    const all = this.#hosts.flatMap(({ id: hostId, runs }) => runs.map((run) => ({ ...run, hostId })));
    await transaction(this.#db, async (tx) => {
      await tx.query(
        `INSERT INTO instances (id, workload_kind, workload_id, current_epoch, state)
         SELECT id, 'environment', id, 1, 'ready' FROM unnest($1::text[]) id`,
        [all.map(({ instanceId }) => instanceId)],
      );
      await tx.query(
        `INSERT INTO placements (instance_id, epoch, host_id, state, run_id, spec, spec_hash, cpu_milli, memory_bytes)
         SELECT instance_id, 1, host_id, 'ready', run_id, '{}', '', 0, 0
           FROM unnest($1::text[], $2::text[], $3::text[]) p (instance_id, host_id, run_id)`,
        [
          all.map(({ instanceId }) => instanceId),
          all.map(({ hostId }) => hostId),
          all.map(({ runId }) => runId),
        ],
      );
      await openRuns(
        tx,
        all.map(({ runId, instanceId, hostId }, index) => ({
          id: runId,
          instanceId,
          epoch: 1,
          hostId,
          customerId: customerIds[index % customerIds.length] ?? 0,
          orderedBy: null,
          workspaceId: null,
          resourceType: "environment",
          resourceId: instanceId,
          resourceName: "work",
          spec: "bench",
          gpuModel: null,
          orderedAt: afterMinutes(this.minute),
          lines: [{ line: "spec", quantity: parseQuantity("1") }],
        })),
      );
    });
  }

  /** A batch of each host with so many further minutes of all its runs, which may be over with the last. */
  messages({ minutes, final }: { minutes: number; final: boolean }): Message[] {
    const messages = this.#hosts.map((host) => this.#message(host, { minutes, final }));
    this.minute += minutes;
    return messages;
  }

  #message(host: FleetHost, { minutes, final }: { minutes: number; final: boolean }): Message {
    const { id: hostId, journalId, bootId, key } = host;
    const previousHash = host.hash;
    const rows: JournalRow[] = [];
    for (let minute = this.minute; minute < this.minute + minutes; minute += 1)
      for (const { runId, instanceId } of host.runs) {
        const entry = UsageEntry.parse({
          kind: "usage",
          runId,
          instanceId,
          placementEpoch: 1,
          bootId,
          startMs: minute * MS_PER_MINUTE,
          endMs: (minute + 1) * MS_PER_MINUTE,
          proof: "exact",
          final: final && minute === this.minute + minutes - 1,
          wallEnd: afterMinutes(minute + 1).toISOString(),
        });
        host.seq += 1;
        host.hash = rowHash(journalId, host.seq, host.hash, entry);
        rows.push({ seq: host.seq, entry, hash: host.hash });
      }
    const text = new TextEncoder().encode(signedText(journalId, host.seq, host.hash));
    const signature = Buffer.from(key.sign(text)).toString("base64");
    const bytes = encode({ kind: "journal-batch", journalId, previousHash, rows, signature });
    return { hostId, bytes, journalId, rows };
  }
}

function newHost(name: string): FleetHost {
  return {
    id: HostId.parse(`host-${name}`),
    key: createUser(),
    bootId: randomUUID(),
    journalId: randomUUID(),
    seq: 0,
    hash: GENESIS_HASH,
    runs: [],
  };
}

/** A price for the fleets' runs, and customers with money. */
export async function openCustomers(db: Database, count: number): Promise<number[]> {
  const price = {
    spec: "bench",
    line: "spec",
    unitPrice: "1.234567",
    billingUnit: "hour" as const,
    effectiveFrom: new Date("2025-01-01T00:00:00Z"),
    createdBy: null,
  };
  await transaction(db, (sql) => addPrice(sql, price, price.effectiveFrom));
  const ids: number[] = [];
  for (let nth = 0; nth < count; nth += 1) ids.push(await openCustomer(db, `customer-${nth}`));
  return ids;
}

async function openCustomer(db: Database, name: string): Promise<number> {
  return await transaction(db, async (tx) => {
    const made = await insertCustomer(tx, {
      username: name,
      email: `${name}@example.com`,
      displayName: null,
      userType: "external",
    });
    if (!made.made) throw new Error(`the name ${name} is taken`);
    const { customerId } = made;
    const amount = parsePoints("1000000");
    await topUp(tx, {
      id: `first-${name}`,
      customerId,
      amount,
      at: afterMinutes(0),
      reason: null,
      actor: "bench",
    });
    return customerId;
  });
}

async function openHost(db: Database, { id, key, bootId, journalId }: FleetHost): Promise<void> {
  await db.query("INSERT INTO hosts (id, name, hostname, ip_address) VALUES ($1, $1, $1, '127.0.0.1')", [id]);
  await db.query("INSERT INTO host_credentials (host_id, nkey) VALUES ($1, $2)", [id, key.getPublicKey()]);
  await db.query("INSERT INTO host_journals (host_id, journal_id) VALUES ($1, $2)", [id, journalId]);
  await fixBootZero(db, {
    hostId: id,
    bootId,
    monotonicMs: 0,
    receivedAt: afterMinutes(0),
    roundTripMs: 0,
  });
}
