/** What can be ordered now and at what price, without a word of whose the rest is. A few seconds old at most. */
import { createRoute, z } from "@hono/zod-openapi";
import { formatPoints } from "@remotegpu/shared/values/money";
import { MIB, THOUSANDTHS } from "@remotegpu/shared/values/units";
import {
  barePrices,
  cardOffers,
  cardPrices,
  type CardOffer,
  largestRoom,
  type OfferPrice,
  type HostRoom,
} from "../../../core/orders/prices/offers.ts";
import type { SpecShape } from "../../../core/orders/prices/price-lines.ts";
import type { CachedRoom } from "../../../store/fleet/cached-fleet.ts";
import { soldSpecs } from "../../../store/orders/checks/sold-specs.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { pageOf, PageQuery, wholePage } from "../../request/pagination.ts";
import { forCustomers, Money, ok, Timestamp } from "../../request/route.ts";

const tags = ["prices"];

const Included = z
  .object({
    cpu: z.number().openapi({ description: "Cores at most", example: 8 }),
    memory: z.int().openapi({ description: "Bytes of memory at most", example: 68_719_476_736 }),
    gpu: z.int().openapi({ description: "GPUs at most", example: 1 }),
    gpu_memory: z.int().nullable().openapi({
      description: "Bytes of a shared GPU at most; null: not bounded",
      example: 25_769_803_776,
    }),
    temp_storage: z.int().openapi({
      description: "Bytes that the container may write at most",
      example: 107_374_182_400,
    }),
  })
  .openapi("IncludedInSpec");

const Price = z
  .object({
    spec: z.string(),
    of: z.enum(["gpu", "cpu", "memory", "spec"]).openapi({
      description: "Of one card, one core, one GiB of memory, or of the spec as a whole",
      example: "gpu",
    }),
    price_per_hour: Money.describe("What an hour of it costs"),
    includes: Included.nullable(),
  })
  .openapi("OfferPrice");

const Offer = z
  .object({
    gpu_model: z.string().nullable().openapi({
      description: "The model, as an order names it; null: without a GPU",
      example: "NVIDIA A100-SXM4-80GB",
    }),
    gpu_memory: z.int().nullable().openapi({
      description: "Bytes of memory that each has",
      example: 85_899_345_920,
    }),
    simulated: z.boolean().describe("True for cards that compute nothing, to try the system with"),
    total: z.int().nullable().openapi({ description: "How many there are", example: 16 }),
    free: z.int().nullable().openapi({ description: "How many of them nobody uses now", example: 5 }),
    most_on_one_host: z.int().nullable().openapi({
      description: "How many of these are free on one host: the largest order that starts now",
      example: 4,
    }),
    cpu: z.number().openapi({ description: "Cores that are free on such a host at most", example: 48 }),
    memory: z.int().openapi({ description: "Bytes of memory that are free there", example: 412_316_860_416 }),
    prices: z.array(Price).openapi({
      description: "What an hour costs in each spec that sells it; none: nobody can order it",
    }),
  })
  .openapi("Offer");

const Offers = pageOf(Offer)
  .extend({
    items: z.array(Offer).describe("Each kind of card, and work without one as the last"),
    as_of: Timestamp.describe("When the fleet was read; a few seconds ago at most"),
    waiting_orders: z.int().openapi({
      description: "How many orders of everybody wait for a place",
      example: 3,
    }),
    waiting_gpus: z.int().openapi({ description: "How many GPUs these request", example: 8 }),
  })
  .openapi("Offers");

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/offers",
  operationId: "getOffers",
  tags,
  summary: "Which cards are free now, how many on one host, what is beside them, and what an hour costs",
  description:
    "The last item, without a model, is work without a GPU. What is free may be taken when an order comes; the order then waits. Without a limit it is all of them.",
  request: { query: PageQuery },
  responses: ok("What can be ordered", Offers),
});

export function registerOfferRoute(api: ApiApp, deps: ApiDeps, room: CachedRoom): void {
  api.openapi(list, async (c) => {
    const { readAt, fleet, simulated, waiting } = await room.recent();
    const specs = await soldSpecs(deps.db, deps.now());
    const cards = cardOffers(fleet, simulated).map((offer) =>
      cardAnswer(offer, cardPrices(specs, offer.model)),
    );
    const bare = { ...placeAnswer(largestRoom(fleet)), prices: barePrices(specs).map(priceAnswer) };
    const offers = [...[...cards, { ...WITHOUT_GPU, ...bare }].entries()];
    const page = wholePage(offers, c.req.valid("query"), {
      item: ([, offer]) => offer,
      number: ([place]) => place,
    });
    return c.json(
      {
        as_of: readAt.toISOString(),
        waiting_orders: waiting.orders,
        waiting_gpus: waiting.gpus,
        ...page,
      },
      200,
    );
  });
}

const WITHOUT_GPU = {
  gpu_model: null,
  gpu_memory: null,
  simulated: false,
  total: null,
  free: null,
  most_on_one_host: null,
};

function cardAnswer(offer: CardOffer, prices: readonly OfferPrice[]): z.input<typeof Offer> {
  return {
    gpu_model: offer.model,
    gpu_memory: offer.memoryMib * MIB,
    simulated: offer.isSimulated,
    total: offer.total,
    free: offer.free,
    most_on_one_host: offer.mostOnOneHost,
    ...placeAnswer(offer.beside),
    prices: prices.map(priceAnswer),
  };
}

/** Whole cores, as orders name them. */
function placeAnswer(place: HostRoom | null): { cpu: number; memory: number } {
  if (place === null) return { cpu: 0, memory: 0 };
  return { cpu: Math.floor(place.cpuMilli / THOUSANDTHS), memory: place.memoryMib * MIB };
}

function priceAnswer({ spec, of, hourly, shape }: OfferPrice): z.input<typeof Price> {
  return {
    spec,
    of,
    price_per_hour: formatPoints(hourly),
    includes: shape === null ? null : includedIn(shape),
  };
}

function includedIn(shape: SpecShape): z.input<typeof Included> {
  return {
    cpu: shape.cpuMilli / THOUSANDTHS,
    memory: shape.memoryBytes,
    gpu: shape.gpus,
    gpu_memory: shape.gpuMemoryBytes,
    temp_storage: shape.tempStorageBytes,
  };
}
