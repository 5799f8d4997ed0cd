/**
 * What must hold after every fault, asked of the database by the superuser and not of the product: nothing twice, nothing
 * that was acknowledged lost, books that agree.
 */
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import type { Acknowledged } from "./load/orders.ts";
import type { PostgresWithStandby } from "./postgres-with-standby.ts";

/** Each a list of what breaks it, in words; all empty where all is well. */
export interface Broken {
  ordersTwice: string[];
  ordersLost: string[];
  paymentsTwice: string[];
  paymentsLost: string[];
  gpusTwice: string[];
  leasesTwice: string[];
  ledger: string[];
}

export const NOTHING_BROKEN: Broken = {
  ordersTwice: [],
  ordersLost: [],
  paymentsTwice: [],
  paymentsLost: [],
  gpusTwice: [],
  leasesTwice: [],
  ledger: [],
};

/** What was acknowledged before this is asked must be there. */
export async function broken(
  postgres: PostgresWithStandby,
  acknowledged: { orders: readonly Acknowledged[]; payments: readonly Acknowledged[] },
): Promise<Broken> {
  const [orders, payments] = [[...acknowledged.orders], [...acknowledged.payments]];
  const names = async (text: string) =>
    (await postgres.query(text)).map((row) => Object.values(row).join(" "));
  const made = new Set(await names("SELECT name, id FROM environments WHERE name LIKE 'order-%'"));
  const paid = new Set(
    await names(
      "SELECT reason, id FROM ledger_transactions WHERE source_kind = 'topup' AND reason LIKE 'payment-%'",
    ),
  );
  const missing = (all: readonly Acknowledged[], there: ReadonlySet<string>) =>
    all.map(({ key, id }) => `${key} ${id}`).filter((one) => !there.has(one));
  return {
    ordersLost: missing(orders, made),
    paymentsLost: missing(payments, paid),
    ordersTwice: await names(
      "SELECT name FROM environments WHERE name LIKE 'order-%' GROUP BY name HAVING count(*) > 1",
    ),
    paymentsTwice: await names(
      `SELECT reason FROM ledger_transactions WHERE source_kind = 'topup' AND reason LIKE 'payment-%'
        GROUP BY reason HAVING count(*) > 1`,
    ),
    gpusTwice: await names(
      `SELECT gpu_uuid FROM gpu_allocations WHERE released_at IS NULL
        GROUP BY gpu_uuid HAVING count(*) > 1`,
    ),
    leasesTwice: await names(
      `SELECT host_id, external_port FROM port_mappings WHERE status IS DISTINCT FROM 'released'
        GROUP BY host_id, external_port HAVING count(*) > 1`,
    ),
    ledger: await names(
      `SELECT 'all of it', sum(amount) FROM ledger_entries HAVING sum(amount) <> 0
       UNION ALL
       SELECT 'transaction ' || transaction_id, sum(amount) FROM ledger_entries
        GROUP BY transaction_id HAVING sum(amount) <> 0
       UNION ALL
       SELECT 'customer ' || c.id, c.balance - coalesce(sum(e.amount), 0)
         FROM customers c LEFT JOIN ledger_entries e ON e.customer_id = c.id AND e.account = 'customer'
        GROUP BY c.id HAVING c.balance <> coalesce(sum(e.amount), 0)`,
    ),
  };
}

/** What the server's doctor finds, each in a sentence. */
export async function doctorsFindings(url: string): Promise<string[]> {
  const database = openDatabase(url, { maxConnections: 2 });
  try {
    const results = await examine(database, new Date());
    return results.filter(({ state }) => state !== "well").map((result) => JSON.stringify(result));
  } finally {
    await database.close();
  }
}

export interface BilledRun {
  id: string;
  hostId: string;
  workloadId: string;
  provenMs: number;
  isClosed: boolean;
}

export async function billedRuns(postgres: PostgresWithStandby): Promise<BilledRun[]> {
  const rows = await postgres.query(
    "SELECT id, host_id, resource_id, proven_ms, closed_at IS NOT NULL AS is_closed FROM runs",
  );
  return rows.map((row) => ({
    id: String(row["id"]),
    hostId: String(row["host_id"]),
    workloadId: String(row["resource_id"]),
    provenMs: Number(row["proven_ms"]),
    isClosed: row["is_closed"] === true,
  }));
}
