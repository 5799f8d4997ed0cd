/**
 * From an order to the lines it is charged by: which of a spec's prices apply, in what quantity, and whether the
 * order stays within the spec's shape. Prices in force come in; which moment they hold for is the caller's affair.
 */
import { formatPoints, parseQuantity, type Points, type Price, type Quantity } from "@remotegpu/shared/money";
import { GIB, THOUSANDTHS } from "@remotegpu/shared/units";
import type { Reason } from "../../reasons/reason.ts";
import type { Resources } from "../order.ts";
import { type BillingUnit, type PricedLine, totalAmount } from "../../billing/rating.ts";

/** What of an order its price depends on. */
export type PricedOrder = Pick<
  Resources,
  "cpuMilli" | "memoryBytes" | "gpus" | "gpuMemoryBytes" | "gpuShared" | "tempStorageBytes"
> &
  Partial<Pick<Resources, "maximum">>;

/** The most an order under a spec with a `spec` line may ask for; what is absent is not included. */
export interface SpecShape {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly gpus: number;
  readonly gpuModel: string | null;
  readonly gpuMemoryBytes: number | null;
  readonly tempStorageBytes: number;
}

/** A catalogue entry in force at the moment in question. */
export interface CataloguePrice {
  readonly line: string;
  readonly unitPrice: Price;
  readonly billingUnit: BillingUnit;
  /** Nothing new starts at it; what began at it goes on. A model's own stands in the way of the general one all the same. */
  readonly isRetired?: boolean;
}

export interface SpecPrices {
  readonly spec: string;
  readonly shape: SpecShape | null;
  readonly prices: readonly CataloguePrice[];
}

/** What of an order is counted, and has a line of its own. */
type CountedField = "spec" | "cpu" | "memory" | "gpu" | "gpu_memory" | "temp_storage";

/** What of an order its price or the spec may speak against. */
export type OrderField = CountedField | "gpu_model" | "max_price_per_hour";

export type OrderLines =
  | { priced: true; lines: PricedLine[] }
  | {
      priced: false;
      reason: "unknown-spec" | "no-price" | "exceeds-shape";
      /** Which part of the order would have to be another. */
      field: OrderField;
      detail: Reason;
    }
  | {
      priced: false;
      reason: "beyond-maximum";
      field: "max_price_per_hour";
      detail: Reason;
      /** The price of one instance. */
      hourly: Points;
    };

/** A counted thing of an order before a price is found for it. */
interface CountedLine {
  readonly counted: CountedField;
  readonly quantity: Quantity;
}

/**
 * The lines of one instance on a card of `gpuModel` (null: without GPU, or it is not known which). With a `spec` line
 * the shape bounds the order and the model; without, every non-zero resource must have a price, 0 included. A price that
 * is retired is none.
 */
export function linesForOrder(order: PricedOrder, spec: SpecPrices, gpuModel: string | null): OrderLines {
  if (spec.prices.length === 0)
    return {
      priced: false,
      reason: "unknown-spec",
      field: "spec",
      detail: { code: "spec-unpriced", params: { spec: spec.spec } },
    };
  const isBundle = spec.prices.some((price) => price.line === "spec");
  const excess = isBundle ? excessOver(order, spec, gpuModel) : null;
  if (excess !== null) return { priced: false, reason: "exceeds-shape", ...excess };

  const lines: PricedLine[] = [];
  for (const counted of countedLines(order, isBundle)) {
    const price = priceFor(counted.counted, spec.prices, gpuModel);
    if (price?.isRetired === true)
      return {
        priced: false,
        reason: "no-price",
        field: counted.counted,
        detail: { code: "price-retired", params: { line: price.line, spec: spec.spec } },
      };
    if (price !== null) lines.push({ ...price, quantity: counted.quantity });
    else if (!isBundle)
      return {
        priced: false,
        reason: "no-price",
        field: counted.counted,
        detail: { code: "line-unpriced", params: { line: nameOf(counted.counted, gpuModel) } },
      };
  }
  return withinMaximum(order, lines);
}

/**
 * The dearest lines over the models the order may land on; models without a price, and those beyond the order's
 * maximum, are passed over, since placement refuses them too. Where all are beyond it, the cheapest is told. No models
 * known (an empty fleet): every model the spec has a price for.
 */
export function dearestLines(order: PricedOrder, spec: SpecPrices, models: readonly string[]): OrderLines {
  if (order.gpus === 0) return linesForOrder(order, spec, null);
  const candidates: (string | null)[] = models.length > 0 ? [...models] : [null, ...modelsWithPrice(spec)];
  const answers = candidates.map((model) => linesForOrder(order, spec, model));
  const [first] = answers;
  let dearest: Extract<OrderLines, { priced: true }> | null = null;
  let leastBeyond: Extract<OrderLines, { reason: "beyond-maximum" }> | null = null;
  for (const answer of answers)
    if (answer.priced) {
      if (dearest === null || hourlyPrice(answer.lines) > hourlyPrice(dearest.lines)) dearest = answer;
    } else if (answer.reason === "beyond-maximum") {
      if (leastBeyond === null || answer.hourly < leastBeyond.hourly) leastBeyond = answer;
    }
  return dearest ?? leastBeyond ?? first ?? linesForOrder(order, spec, null);
}

/** For what was ordered before a price was retired, or may have been: it holds for that. */
export function asOrderedBefore<Spec extends SpecPrices>(spec: Spec): Spec {
  return { ...spec, prices: spec.prices.map(({ isRetired: _retired, ...price }) => price) };
}

function withinMaximum({ maximum = null }: PricedOrder, lines: PricedLine[]): OrderLines {
  const hourly = hourlyPrice(lines);
  if (maximum === null || hourly * BigInt(maximum.instances) <= maximum.hourly)
    return { priced: true, lines };
  const params = {
    hourly: formatPoints(hourly * BigInt(maximum.instances)),
    maximum: formatPoints(maximum.hourly),
  };
  return {
    priced: false,
    reason: "beyond-maximum",
    field: "max_price_per_hour",
    detail: { code: "hour-beyond-maximum", params },
    hourly,
  };
}

/** What an hour of these lines costs, each rounded as a charge would be. */
export function hourlyPrice(lines: readonly PricedLine[]): Points {
  return totalAmount(lines, 60);
}

/** The price for a counted thing, retired or not: a model's own where there is one, else the general one. */
export function priceFor(
  counted: string,
  prices: readonly CataloguePrice[],
  gpuModel: string | null,
): CataloguePrice | null {
  const own = counted === "gpu" && gpuModel !== null ? `gpu:${gpuModel}` : counted;
  return prices.find((price) => price.line === own) ?? prices.find((price) => price.line === counted) ?? null;
}

/** "gpu:NVIDIA H100" counts "gpu". */
export function countedOf(line: string): string {
  return line.split(":", 1)[0] ?? line;
}

/** An exact number of GiB. 2^30 divides 10^30, so no byte is lost. */
export function gibQuantity(bytes: number): Quantity {
  return (BigInt(bytes) * parseQuantity("1")) / BigInt(GIB);
}

function countedLines(order: PricedOrder, isBundle: boolean): CountedLine[] {
  const one = parseQuantity("1");
  const slice = order.gpuShared ? (order.gpuMemoryBytes ?? 0) : 0;
  const all: CountedLine[] = [
    { counted: "spec", quantity: isBundle ? one : 0n },
    { counted: "cpu", quantity: (BigInt(order.cpuMilli) * one) / BigInt(THOUSANDTHS) },
    { counted: "memory", quantity: gibQuantity(order.memoryBytes) },
    { counted: "gpu", quantity: order.gpuShared ? 0n : BigInt(order.gpus) * one },
    { counted: "gpu_memory", quantity: gibQuantity(slice) },
    { counted: "temp_storage", quantity: gibQuantity(order.tempStorageBytes ?? 0) },
  ];
  return all.filter((line) => line.quantity > 0n);
}

/** The first thing that goes beyond the spec's shape. */
function excessOver(
  order: PricedOrder,
  { spec, shape }: SpecPrices,
  gpuModel: string | null,
): { field: OrderField; detail: Reason } | null {
  if (shape === null)
    return {
      field: "spec",
      detail: { code: "spec-without-shape", params: { spec } },
    };
  const beyond = beyondSize(order, shape);
  if (beyond !== null)
    return { field: beyond, detail: { code: "order-beyond-spec", params: { field: beyond, spec } } };
  if (order.gpus === 0 || gpuModel === null || shape.gpuModel === null || shape.gpuModel === gpuModel)
    return null;
  const params = { spec, spec_gpu_model: shape.gpuModel, gpu_model: gpuModel };
  return { field: "gpu_model", detail: { code: "spec-of-other-model", params } };
}

/** Bytes of temp_storage that a spec sold as a whole includes; null for one whose parts are charged each. */
export function includedTempStorage({ prices, shape }: SpecPrices): number | null {
  return prices.some((price) => price.line === "spec") ? (shape?.tempStorageBytes ?? null) : null;
}

function beyondSize(order: PricedOrder, shape: SpecShape): CountedField | null {
  if (order.cpuMilli > shape.cpuMilli) return "cpu";
  if (order.memoryBytes > shape.memoryBytes) return "memory";
  if (order.gpus > shape.gpus) return "gpu";
  if (shape.gpuMemoryBytes !== null && (order.gpuMemoryBytes ?? 0) > shape.gpuMemoryBytes)
    return "gpu_memory";
  return (order.tempStorageBytes ?? 0) > shape.tempStorageBytes ? "temp_storage" : null;
}

function modelsWithPrice(spec: SpecPrices): string[] {
  return spec.prices
    .filter((price) => price.line.startsWith("gpu:"))
    .map((price) => price.line.slice("gpu:".length));
}

function nameOf(counted: string, gpuModel: string | null): string {
  return counted === "gpu" && gpuModel !== null ? `gpu:${gpuModel}` : counted;
}
