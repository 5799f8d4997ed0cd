/**
 * Whether workloads may be ordered or placed: images, data rights, prices, quotas and the start rule, in this order.
 * The same questions at the order and again in the placing transaction, where the answer decides; many orders are asked
 * with the same few queries as one, each counting those before it.
 */
import type { Points } from "@remotegpu/shared/money";
import { GIB } from "@remotegpu/shared/units";
import type { Order } from "../../../core/orders/order.ts";
import { rulesOf } from "../../../core/workloads/kinds.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import type { ResolvedMount } from "../../../core/instances/desired-set.ts";
import { hourlyPrice, type OrderField } from "../../../core/orders/prices/price-lines.ts";
import type { FleetModel } from "../../../core/orders/prices/priced-models.ts";
import type { PricedLine } from "../../../core/billing/rating.ts";
import type { SettingKey } from "../../../core/settings.ts";
import { tempStorageLimit } from "../../../core/orders/temp-storage.ts";
import { startRule } from "./start-rule.ts";
import { lockAccounts, type LockedAccount } from "../../billing/ledger/ledger.ts";
import type { Transaction } from "../../database/database.ts";
import { imageRefusals } from "../../hosts/images/image-needs.ts";
import { registryList } from "../../hosts/images/registry-list.ts";
import { unsoldSpecs } from "./sold-specs.ts";
import { settings } from "../../accounts/settings.ts";
import { resolveMounts, type ResolvedMounts, type Unready } from "./mounts.ts";
import { type OrderPrices, orderPrices } from "./order-prices.ts";
import { type QuotaShare, quotaTally } from "./quota-use.ts";
import { waitingCosts, waitingShapes, waitingStartsOf } from "./waiting-costs.ts";
import type { WorkloadName } from "../../../core/workloads/workload-name.ts";

export type PlacedCheckOutcome =
  | {
      passed: true;
      /** The priced lines of each instance, in the order of the ranks. */
      lines: readonly (readonly PricedLine[])[];
      datasets: ResolvedMount[];
      models: ResolvedMount[];
      /** What an hour of all that counts for its payer by now costs, this order included. */
      payersHourly: Points;
      /** What the own file system of each instance may hold. */
      tempStorageBytes: number;
    }
  | {
      passed: false;
      obstacle: "image" | "mount-not-found" | "mount-not-ready" | "quota" | "funds";
      detail: Reason;
    }
  | { passed: false; obstacle: "price"; field: OrderField; detail: Reason };

/** The order that would wait beside more than its payer may have waiting. */
interface TooManyWaiting {
  passed: false;
  obstacle: "waiting";
  detail: Reason;
}
export type CheckOutcome = PlacedCheckOutcome | TooManyWaiting;

/** An order whose cards are decided: the model that each instance lands on, null for no GPU. */
export interface PlacedOrder {
  order: Order;
  models: readonly (string | null)[];
}

/** What is known before: the payers' accounts, locked, and prices of these orders. */
export interface CheckInputs {
  accounts: ReadonlyMap<number, LockedAccount>;
  prices: OrderPrices | Promise<OrderPrices>;
  settings: Record<SettingKey, string>;
  now: Date;
}

/**
 * Whether these orders may be queued. The dearest cards that each may land on count, and so does what its payer has
 * waiting already. Holds the payers' accounts to the end of the transaction, so that two orders at once cannot both be
 * the last that may wait. What the control plane has wait again by itself is not asked here.
 * @param starts how many starts of all the orders will wait, where that is not one of each
 */
export async function checkOrders(
  sql: Transaction,
  orders: readonly Order[],
  { models, now, starts }: { models: readonly FleetModel[]; now: Date; starts?: number },
): Promise<CheckOutcome[]> {
  const payerIds = payersOf(orders);
  const [accounts, shapes, inForce] = await Promise.all([
    lockAccounts(sql, payerIds),
    waitingShapes(sql, { payerIds, clients: clientsOf(orders) }),
    settings(sql),
  ]);
  const prices = orderPrices(sql, [...orders, ...shapes], { models, at: now });
  const waiting = prices.then((known) => waitingCosts(shapes, known));
  const requested = orders.map((order) => ({ order, models: null }));
  const check = await openChecks(sql, requested, { accounts, prices, settings: inForce, now, waiting });
  const line = waitingStartsOf(shapes);
  const most = Number(inForce.MAX_WAITING_PER_PAYER);
  return requested.map((one, index) => {
    const { payerId } = one.order;
    const more = starts === undefined ? 1 : index === 0 ? starts : 0;
    const wait = (line.get(payerId) ?? 0) + more;
    if (wait > most) return tooManyWaiting(wait - more, { most, more });
    const outcome = check(one);
    if (outcome.passed) line.set(payerId, wait);
    return outcome;
  });
}

/**
 * Whether so many more starts of a payer may wait, of what was ordered before. Holds the payer's account to the end of the
 * transaction.
 */
export async function checkMoreWaiting(
  sql: Transaction,
  { payerId, more }: { payerId: number; more: number },
): Promise<TooManyWaiting | null> {
  const [, shapes, inForce] = await Promise.all([
    lockAccounts(sql, [payerId]),
    waitingShapes(sql, { payerIds: [payerId], clients: [] }),
    settings(sql),
  ]);
  const wait = waitingStartsOf(shapes).get(payerId) ?? 0;
  const most = Number(inForce.MAX_WAITING_PER_PAYER);
  return wait + more > most ? tooManyWaiting(wait, { most, more }) : null;
}

function tooManyWaiting(wait: number, { most, more }: { most: number; more: number }): TooManyWaiting {
  const params = { waiting: wait, more, max_waiting: most };
  return { passed: false, obstacle: "waiting", detail: { code: "waiting-orders-too-many", params } };
}

/**
 * Opens the check whether these orders, which count as queued or running already, may start on the cards that are
 * decided by then; each that passes counts for those asked after it.
 */
export async function openPlacedChecks(
  sql: Transaction,
  orders: readonly Order[],
  inputs: CheckInputs,
): Promise<(placed: PlacedOrder) => PlacedCheckOutcome> {
  const requested = orders.map((order) => ({ order, models: [] }));
  return await openChecks(sql, requested, { ...inputs, waiting: Promise.resolve(new Map()) });
}

/** The same for a start in its old place. Holds the payer's account to the end of the transaction. */
export async function checkRestart(
  sql: Transaction,
  { order, model }: { order: Order; model: string | null },
  now: Date,
): Promise<PlacedCheckOutcome> {
  const [accounts, prices, inForce] = await Promise.all([
    lockAccounts(sql, [order.payerId]),
    orderPrices(sql, [order], { models: [], at: now }),
    settings(sql),
  ]);
  const check = await openPlacedChecks(sql, [order], { accounts, prices, settings: inForce, now });
  return check({ order, models: [model] });
}

export function payersOf(orders: readonly Pick<Order, "payerId">[]): number[] {
  return [...new Set(orders.map(({ payerId }) => payerId))];
}

/** `models` is null for an order that is not queued yet: it counts for the others once it has passed. Else they are what is asked with. */
interface Requested {
  order: Order;
  models: readonly (string | null)[] | null;
}

async function openChecks(
  sql: Transaction,
  requested: readonly Requested[],
  inputs: CheckInputs & { waiting: Promise<ReadonlyMap<number, Points>> },
): Promise<(one: Requested) => PlacedCheckOutcome> {
  const orders = requested.map(({ order }) => order);
  const images = orders.map(({ image }) => image);
  const list = registryList(inputs.settings.IMAGE_REGISTRIES);
  const minStartMinutes = Number(inputs.settings.MIN_START_MINUTES);
  const defaultTempStorageBytes = Number(inputs.settings.DEFAULT_TEMP_STORAGE_GIB) * GIB;
  const ordered = requested.flatMap(({ order, models }) => (models === null ? [order] : []));
  const [refusals, resolved, quotas, mayStart, prices] = await Promise.all([
    imageRefusals(sql, images, list),
    resolveMounts(sql, orders.map(mountQuestion)),
    quotaTally(sql, orders.map(shareOf), {
      clients: clientsOf(orders),
      defaultLevel: inputs.settings.DEFAULT_QUOTA_LEVEL,
    }),
    startRule(sql, { ...inputs, minStartMinutes, at: inputs.now }),
    inputs.prices,
  ]);
  const unsold = await unsoldSpecs(sql, ordered, { prices, now: inputs.now });
  const imageRefusalOf = new Map(images.map((image, index) => [image, refusals[index] ?? null]));
  const mountsOf = new Map(orders.map((order, index) => [order, resolved[index] as ResolvedMounts]));
  // Of a workload's many starts, those that are asked of would be in each other's way: each counts once it has passed.
  for (const one of requested)
    if (isCounted(one)) quotas.count(shareOf(one.order), rulesOf(one.order.kind).hasManyStarts ? -1 : 1);

  return (one) => {
    const { order, models } = one;
    const refused = imageRefusalOf.get(order.image) ?? null;
    if (refused !== null) return { passed: false, obstacle: "image", detail: refused };
    const mounts = mountsOf.get(order) as ResolvedMounts;
    if (!mounts.resolved) return mountRefusal(mounts);
    const detail = models === null ? unsold.get(order.spec) : undefined;
    if (detail !== undefined) return { passed: false, obstacle: "price", field: "spec", detail };
    const priced = priceInstances(order, models, prices);
    if (!priced.priced)
      return { passed: false, obstacle: "price", field: priced.field, detail: priced.detail };
    const share = shareOf(order);
    const waits = models === null && !rulesOf(order.kind).countsWhileWaiting;
    const countsAlready = isCounted(one) && !rulesOf(order.kind).hasManyStarts;
    if (countsAlready) quotas.count(share, -1);
    const beyond = waits ? quotas.obstacleAlone(share) : quotas.obstacleTo(share);
    if (countsAlready) quotas.count(share, 1);
    if (beyond !== null) return { passed: false, obstacle: "quota", detail: beyond };
    const hourly = priced.lines.reduce((sum, lines) => sum + hourlyPrice(lines), 0n);
    const start = mayStart({ customerId: order.payerId, hourly });
    if (!start.allowed) return { passed: false, obstacle: "funds", detail: start.detail };
    if (!countsAlready && !waits) quotas.count(share, 1);
    const { datasets, models: mountedModels } = mounts;
    return {
      passed: true,
      lines: priced.lines,
      datasets,
      models: mountedModels,
      payersHourly: start.hourlyOfAll,
      tempStorageBytes: tempStorageLimit({
        orderedBytes: order.tempStorageBytes,
        includedBytes: prices.includedTempStorage(order),
        defaultBytes: defaultTempStorageBytes,
      }),
    };
  };
}

/** It waits, and what waits of its kind counts already. */
function isCounted({ order, models }: Requested): boolean {
  return models !== null && rulesOf(order.kind).countsWhileWaiting;
}

type PricedInstances =
  | { priced: true; lines: PricedLine[][] }
  | { priced: false; field: OrderField; detail: Reason };

function priceInstances(
  order: Order,
  models: readonly (string | null)[] | null,
  prices: OrderPrices,
): PricedInstances {
  const answers =
    models === null
      ? Array.from({ length: order.instances }, () => prices.dearest(order))
      : models.map((model) => prices.linesOn(order, model));
  const lines: PricedLine[][] = [];
  for (const answer of answers) {
    if (!answer.priced) return answer;
    lines.push(answer.lines);
  }
  return { priced: true, lines };
}

function shareOf(order: Order): QuotaShare {
  return { payerId: order.payerId, workspaceId: order.workspaceId, share: rulesOf(order.kind).share(order) };
}

/** What asks is not counted a second time. Of a workload with several starts only the one that asks is left out, below. */
function clientsOf(orders: readonly Order[]): WorkloadName[] {
  return orders.flatMap(({ kind, id }) => (id === null || rulesOf(kind).hasManyStarts ? [] : [{ kind, id }]));
}

function mountQuestion({ customerId, workspaceId, datasets, models }: Order) {
  return { customerId, workspaceId, datasets, models };
}

function mountRefusal({
  kind,
  id,
  reason,
}: Extract<ResolvedMounts, { resolved: false }>): PlacedCheckOutcome {
  const thing: Reason = { code: `named-${kind}`, params: { data_id: id } };
  if (reason === "not-found")
    return {
      passed: false,
      obstacle: "mount-not-found",
      detail: { code: "mount-not-found", params: { thing } },
    };
  return {
    passed: false,
    obstacle: "mount-not-ready",
    detail: { code: UNREADY_CODES[reason], params: { thing } },
  };
}

const UNREADY_CODES = {
  uploading: "mount-uploading",
  error: "mount-failed",
  "outside-pool": "mount-outside-pools",
} as const satisfies Record<Unready, string>;
