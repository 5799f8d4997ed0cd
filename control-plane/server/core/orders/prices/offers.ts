/**
 * What of the fleet can be ordered now, told to customers: by kind of card how many are free, the most on one host, and
 * what CPU and memory are beside them; without GPU the largest place; and what either costs. It names no host and
 * nobody's work. What an order may come to be in the end is placement's.
 */
import { parseQuantity, type Points } from "@remotegpu/shared/values/money";
import { MIB, THOUSANDTHS } from "@remotegpu/shared/values/units";
import { MIN_MEMORY } from "../order-check.ts";
import type { Fleet, GpuCapacity, HostCapacity } from "../../placement/fleet/fleet.ts";
import {
  type CataloguePrice,
  hourlyPrice,
  priceFor,
  type SpecPrices,
  type SpecShape,
} from "./price-lines.ts";

export interface WaitingWork {
  orders: number;
  gpus: number;
}

/** The most that one host has. */
export interface HostRoom {
  cpuMilli: number;
  memoryMib: number;
}

export interface CardOffer {
  model: string;
  memoryMib: number;
  isSimulated: boolean;
  total: number;
  free: number;
  /** So many are free together on one host. */
  mostOnOneHost: number;
  /** On a host that has so many of them free; null where none is free. */
  beside: HostRoom | null;
}

/** An hour of one card, core or GiB, or of a spec as a whole, which then says what it includes. */
export interface OfferPrice {
  spec: string;
  of: "gpu" | "cpu" | "memory" | "spec";
  hourly: Points;
  shape: SpecShape | null;
}

/** By model, then memory, real ones before simulated ones. Slices of cards that are shared already count for nothing. */
export function cardOffers(fleet: Fleet, simulated: ReadonlySet<string>): CardOffer[] {
  const offers = new Map<string, CardOffer>();
  for (const host of fleet.hosts)
    for (const cards of Map.groupBy(host.gpus, (card) => kindOf(card, simulated)).values()) {
      const [first] = cards;
      if (first === undefined) continue;
      const kind = kindOf(first, simulated);
      offers.set(kind, withHost(offers.get(kind) ?? nothingOf(first, simulated), host, cards));
    }
  return [...offers.values()].sort(
    (a, b) =>
      byText(a.model, b.model) || a.memoryMib - b.memoryMib || Number(a.isSimulated) - Number(b.isSimulated),
  );
}

/** The host with the most cores free, and of those the one with the most memory; null where none takes an order. */
export function largestRoom(fleet: Fleet): HostRoom | null {
  return fleet.hosts.filter(takesOrders).map(roomOn).reduce(larger, null);
}

/** The prices of one card of this model, in each of these specs that sells it. */
export function cardPrices(specs: readonly SpecPrices[], model: string): OfferPrice[] {
  return specs.filter(isSold).flatMap((spec) => {
    const whole = wholeOf(spec);
    if (whole !== null) return includesCard(whole.shape, model) ? [whole] : [];
    return priced(spec.spec, "gpu", priceFor("gpu", spec.prices, model));
  });
}

/** The prices of work without a GPU: a core and a GiB of memory, or a spec that includes no card. */
export function barePrices(specs: readonly SpecPrices[]): OfferPrice[] {
  return specs.filter(isSold).flatMap((spec) => {
    const whole = wholeOf(spec);
    if (whole !== null) return whole.shape?.gpus === 0 ? [whole] : [];
    return [
      ...priced(spec.spec, "cpu", priceFor("cpu", spec.prices, null)),
      ...priced(spec.spec, "memory", priceFor("memory", spec.prices, null)),
    ];
  });
}

function kindOf(card: GpuCapacity, simulated: ReadonlySet<string>): string {
  return JSON.stringify([card.model, card.memoryMib, simulated.has(card.uuid)]);
}

function nothingOf(card: GpuCapacity, simulated: ReadonlySet<string>): CardOffer {
  return {
    model: card.model,
    memoryMib: card.memoryMib,
    isSimulated: simulated.has(card.uuid),
    total: 0,
    free: 0,
    mostOnOneHost: 0,
    beside: null,
  };
}

function withHost(offer: CardOffer, host: HostCapacity, cards: readonly GpuCapacity[]): CardOffer {
  const total = offer.total + cards.length;
  const free = takesOrders(host) ? cards.filter(isFree).length : 0;
  if (free === 0 || free < offer.mostOnOneHost) return { ...offer, total, free: offer.free + free };
  const place = roomOn(host);
  return {
    ...offer,
    total,
    free: offer.free + free,
    mostOnOneHost: free,
    beside: free === offer.mostOnOneHost ? larger(offer.beside, place) : place,
  };
}

function isFree(card: GpuCapacity): boolean {
  return card.closed === null && card.use === "idle";
}

/** A card without a core beside it is no use to anybody. */
function takesOrders(host: HostCapacity): boolean {
  const { closed, freeCpuMilli, freeMemoryMib } = host;
  return closed === null && freeCpuMilli >= THOUSANDTHS && freeMemoryMib * MIB >= MIN_MEMORY;
}

function roomOn({ freeCpuMilli, freeMemoryMib }: HostCapacity): HostRoom {
  return { cpuMilli: freeCpuMilli, memoryMib: freeMemoryMib };
}

function larger(a: HostRoom | null, b: HostRoom): HostRoom {
  if (a === null) return b;
  return (b.cpuMilli - a.cpuMilli || b.memoryMib - a.memoryMib) > 0 ? b : a;
}

/** A whole whose price is retired is not sold by its parts instead. */
function isSold({ prices }: SpecPrices): boolean {
  return !prices.some(({ line, isRetired }) => line === "spec" && isRetired === true);
}

/** Null for one that is sold by its parts. */
function wholeOf({ spec, prices, shape }: SpecPrices): OfferPrice | null {
  const price = prices.find(({ line }) => line === "spec");
  return price === undefined ? null : { spec, of: "spec", hourly: hourOf(price), shape };
}

function includesCard(shape: SpecShape | null, model: string): boolean {
  return shape !== null && shape.gpus > 0 && (shape.gpuModel ?? model) === model;
}

function priced(spec: string, of: OfferPrice["of"], price: CataloguePrice | null): OfferPrice[] {
  return price === null || price.isRetired === true ? [] : [{ spec, of, hourly: hourOf(price), shape: null }];
}

function hourOf(price: CataloguePrice): Points {
  return hourlyPrice([{ ...price, quantity: parseQuantity("1") }]);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
