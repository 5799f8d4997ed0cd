/**
 * Whether a card is in service, by what its host says of it and what administrators decided. A host's own cordon comes
 * and goes with its word; an administrator's stays until an administrator takes it back.
 */

export interface HostCordon {
  kind: "drain" | "fatal";
  /** Tells this cordon from a later one of the same card. */
  sinceMs: number;
}

export interface CardService {
  isCordoned: boolean;
  /** False for a cordon of an administrator. */
  isByHost: boolean;
  reason: string | null;
  /** The host's cordon that an administrator lifted. */
  liftedSinceMs: number | null;
}

export type ServiceChange =
  | { kind: "stays" }
  | { kind: "cordons"; reason: string | null }
  /** The same cordon, another sentence. */
  | { kind: "explains"; reason: string | null }
  | { kind: "uncordons" }
  /** The host has not heard yet that an administrator put the card back in service. */
  | { kind: "tells-lift"; sinceMs: number };

/** @param reason the gravest of the host's reasons */
export function afterHostReport(
  card: CardService,
  reported: { cordon: HostCordon | null; reason: string | null },
): ServiceChange {
  const { cordon, reason } = reported;
  if (cordon === null) return card.isCordoned && card.isByHost ? { kind: "uncordons" } : { kind: "stays" };
  if (cordon.sinceMs === card.liftedSinceMs) return { kind: "tells-lift", sinceMs: cordon.sinceMs };
  if (!card.isCordoned) return { kind: "cordons", reason };
  return card.isByHost && card.reason !== reason ? { kind: "explains", reason } : { kind: "stays" };
}
