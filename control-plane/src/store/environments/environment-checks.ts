/**
 * Whether an environment may be ordered or placed: data rights, prices, quotas and the start rule, in this order.
 * The same questions at the order and again in the placing transaction, where the answer decides.
 */
import { type EnvironmentResources, pricedOrder, quotaShare } from "../../core/environment-order.ts";
import type { ResolvedMount } from "../../core/desired-set.ts";
import type { Mount } from "../../core/order-check.ts";
import {
  dearestLines,
  DEFAULT_SPEC,
  hourlyPrice,
  linesForOrder,
  type OrderField,
  type OrderLines,
} from "../../core/price-lines.ts";
import type { PricedLine } from "../../core/rating.ts";
import { LIVE } from "../accounts/workspaces.ts";
import { mayStartNow } from "../billing/accounts.ts";
import type { Connection } from "../database.ts";
import { lockAccount } from "../billing/ledger.ts";
import { resolveMounts } from "./mounts.ts";
import { specPrices } from "../billing/prices.ts";
import { quotaObstacle } from "./quota-use.ts";
import { setting } from "../settings.ts";

/** What the checks read of an environment, ordered or still to be. */
export interface CheckedOrder extends EnvironmentResources {
  /** Null before it exists. */
  id: string | null;
  customer_id: number;
  workspace_id: number | null;
  payer_id: number;
  mounted_datasets: Mount[] | null;
  mounted_models: Mount[] | null;
}

/** What of an order stands in the way of a price. */
export type PriceField = OrderField | "gpu_model";

export type CheckOutcome =
  | { passed: true; lines: readonly PricedLine[]; datasets: ResolvedMount[]; models: ResolvedMount[] }
  | {
      passed: false;
      obstacle: "mount-not-found" | "mount-not-ready" | "quota" | "funds";
      detail: string;
    }
  | { passed: false; obstacle: "price"; field: PriceField; detail: string };

/**
 * Holds the payer's account to the end of the transaction.
 * @param card the model it lands on, where that is decided; else the dearest it may land on counts, and so does
 *   what the payer has waiting already
 */
export async function checkEnvironment(
  sql: Connection,
  order: CheckedOrder,
  { card, now }: { card: { model: string | null } | null; now: Date },
): Promise<CheckOutcome> {
  await lockAccount(sql, order.payer_id);
  const mounts = await resolveMounts(sql, {
    customerId: order.customer_id,
    workspaceId: order.workspace_id,
    datasets: order.mounted_datasets ?? [],
    models: order.mounted_models ?? [],
  });
  if (!mounts.resolved)
    return {
      passed: false,
      obstacle: mounts.reason === "not-found" ? "mount-not-found" : "mount-not-ready",
      detail:
        mounts.reason === "not-found"
          ? `There is no ${mounts.kind} ${mounts.id} that you can mount.`
          : `The ${mounts.kind} ${mounts.id} is not ready to be mounted.`,
    };
  const priced = await priceEnvironment(sql, order, { card, now });
  if (!priced.priced) return { passed: false, obstacle: "price", field: priced.field, detail: priced.detail };
  const quota = await quotaObstacle(sql, {
    payerId: order.payer_id,
    workspaceId: order.workspace_id,
    asked: quotaShare(order),
    environmentId: order.id,
  });
  if (quota !== null) return { passed: false, obstacle: "quota", detail: quota };
  const waiting = card === null ? await waitingPerHour(sql, order, now) : 0n;
  const start = await mayStartNow(sql, {
    customerId: order.payer_id,
    additionalPerHour: hourlyPrice(priced.lines) + waiting,
    minStartMinutes: await minStartMinutes(sql),
    at: now,
  });
  if (!start.allowed) return { passed: false, obstacle: "funds", detail: start.detail };
  return { passed: true, lines: priced.lines, datasets: mounts.datasets, models: mounts.models };
}

async function priceEnvironment(
  sql: Connection,
  order: EnvironmentResources,
  { card, now }: { card: { model: string | null } | null; now: Date },
): Promise<OrderLines> {
  const prices = await specPrices(sql, { spec: specOf(order), at: now });
  const wanted = pricedOrder(order);
  return card === null
    ? dearestLines(wanted, prices, await modelsFor(sql, order))
    : linesForOrder(wanted, prices, card.model);
}

export function specOf(order: EnvironmentResources): string {
  return order.config?.spec ?? DEFAULT_SPEC;
}

/** The models of the fleet that the order may land on. */
export async function modelsFor(sql: Connection, order: EnvironmentResources): Promise<string[]> {
  const named = order.config?.gpu_model;
  if (named !== undefined) return [named];
  const { rows } = await sql.query<{ name: string }>(
    `SELECT DISTINCT g.name FROM gpus g JOIN hosts h ON h.id = g.host_id
      WHERE h.deleted_at IS NULL AND h.connection <> 'never' AND g.vanished_at IS NULL AND g.name IS NOT NULL
        AND coalesce(g.memory_total, 0) >= $1 ORDER BY g.name`,
    [order.gpu_memory ?? 0],
  );
  return rows.map(({ name }) => name);
}

/** The models with a price, for placement; null where no GPU is asked. */
export async function pricedModelsFor(
  sql: Connection,
  order: EnvironmentResources,
  now: Date,
): Promise<string[] | null> {
  if (order.gpu === 0) return null;
  const prices = await specPrices(sql, { spec: specOf(order), at: now });
  const models = await modelsFor(sql, order);
  return models.filter((model) => linesForOrder(pricedOrder(order), prices, model).priced);
}

/** What the payer's queued environments would cost an hour; what has a placement is counted by its run. */
async function waitingPerHour(sql: Connection, order: CheckedOrder, now: Date): Promise<bigint> {
  const { rows } = await sql.query<EnvironmentResources>(
    `SELECT e.cpu, e.memory, coalesce(e.gpu, 0) AS gpu, e.gpu_memory, e.storage, e.temp_storage, e.config
       FROM environments e LEFT JOIN workspaces w ON w.id = e.workspace_id AND ${LIVE}
      WHERE e.status = 'queued' AND e.deleted_at IS NULL AND coalesce(w.owner_id, e.customer_id) = $1
        AND e.id IS DISTINCT FROM $2`,
    [order.payer_id, order.id],
  );
  let sum = 0n;
  for (const waiting of rows) {
    const priced = await priceEnvironment(sql, waiting, { card: null, now });
    if (priced.priced) sum += hourlyPrice(priced.lines);
  }
  return sum;
}

async function minStartMinutes(sql: Connection): Promise<number> {
  return Number(await setting(sql, "MIN_START_MINUTES"));
}
