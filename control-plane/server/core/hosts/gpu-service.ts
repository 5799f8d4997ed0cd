/**
 * Whether a card is in service, by what its host says of it and what administrators decided. A host's own cordon comes
 * and goes with its word; an administrator's stays until an administrator takes it back.
 */
import { isSameValue } from "@remotegpu/shared/values/same-value";
import type { Reason } from "../reasons/reason.ts";

export interface HostCordon {
  kind: "drain" | "fatal";
  /** Tells this cordon from a later one of the same card. */
  sinceMs: number;
}

export interface CardService {
  isCordoned: boolean;
  /** False for a cordon of an administrator. */
  isByHost: boolean;
  reason: Reason | null;
  /** The host's cordon that an administrator lifted. */
  liftedSinceMs: number | null;
}

export type ServiceChange =
  | { kind: "stays" }
  | { kind: "cordons"; reason: Reason | null }
  /** The same cordon, another reason. */
  | { kind: "explains"; reason: Reason | null }
  | { kind: "uncordons" }
  /** The host has not heard yet that an administrator put the card back in service. */
  | { kind: "tells-lift"; sinceMs: number };

/** @param reason the gravest of the host's reasons */
export function afterHostReport(
  card: CardService,
  reported: { cordon: HostCordon | null; reason: Reason | null },
): ServiceChange {
  const { cordon, reason } = reported;
  if (cordon === null) return card.isCordoned && card.isByHost ? { kind: "uncordons" } : { kind: "stays" };
  if (cordon.sinceMs === card.liftedSinceMs) return { kind: "tells-lift", sinceMs: cordon.sinceMs };
  if (!card.isCordoned) return { kind: "cordons", reason };
  const isExplained = !card.isByHost || isSameValue(card.reason, reason);
  return isExplained ? { kind: "stays" } : { kind: "explains", reason };
}
