/**
 * When a card is of no use to whoever holds it: its host no longer lists it, or tells of a fault after which nothing on
 * it can be trusted or reached. Warnings and drains are none; work goes on under them. What an outage means for runs
 * is decided in broken-spans.ts.
 */
import type { GpuReport } from "@remotegpu/shared/messages/host-report";

/** `unclear` neither begins an outage nor ends one. */
export type CardWord = "well" | "failed" | "vanished" | "unclear";

/**
 * Agents of before tell no cordon; of their unhealthy cards nobody knows how bad it is. A card with an open sign of failure
 * is not well, whatever else is said of it; that it failed is known once its host has confirmed it.
 */
export function cardWord({
  health,
  cordon,
  hasSign = false,
}: Pick<GpuReport, "health" | "cordon" | "hasSign">): CardWord {
  if (cordon?.kind === "fatal") return "failed";
  if (hasSign) return "unclear";
  const isWell = (cordon ?? null) === null && (health === "healthy" || health === "degraded");
  return isWell ? "well" : "unclear";
}

export type OutageChange = "stays" | "begins" | "vanishes" | "ends";

/**
 * @param open the card's outage that lasts on; null while there is none
 * @param source a heartbeat that overtook, or was overtaken, does not bring a vanished card back; a whole report does
 */
export function afterCardWord(
  open: { hasVanished: boolean } | null,
  word: CardWord,
  source: "heartbeat" | "report",
): OutageChange {
  switch (word) {
    case "unclear":
      return "stays";
    case "failed":
      return open === null ? "begins" : "stays";
    case "vanished":
      if (open === null) return "begins";
      return open.hasVanished ? "stays" : "vanishes";
    case "well":
      return open !== null && (source === "report" || !open.hasVanished) ? "ends" : "stays";
  }
}
