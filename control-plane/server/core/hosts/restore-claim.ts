/**
 * A host that was told higher numbers than the database holds shows that the database was restored to an earlier
 * moment. It may also be lying: what it says raises numbers that all hosts compare, so it is believed within bounds.
 */
import type { Reason } from "../reasons/reason.ts";

export interface ReportedNumbers {
  term: number;
  generation: number;
  /** Rows of the host's journal that were decided. */
  watermark: number;
  dbIncarnation: number;
}

/**
 * How far a database can be behind: a leader changes every 15 s at most, and months pass between backups at worst.
 * Without a bound one host could raise a term beyond what any other host can read.
 */
const MAX_BEHIND: ReportedNumbers = {
  term: 1_000_000,
  generation: 1_000_000,
  watermark: 1_000_000_000,
  dbIncarnation: 1_000,
};
/** Each real restore takes this count back with it; a host that comes to it in a day shows something else. */
export const MAX_RESTORES_A_DAY = 5;

export type RestoreClaim =
  | { kind: "none" }
  | { kind: "restored" }
  /** Nothing of it is believed. */
  | { kind: "impossible"; why: Reason };

export function restoreClaim(
  reported: ReportedNumbers,
  held: ReportedNumbers,
  restoresToday: number,
): RestoreClaim {
  const names = ["term", "generation", "watermark", "dbIncarnation"] as const;
  const ahead = names.filter((name) => reported[name] > held[name]);
  if (ahead.length === 0) return { kind: "none" };
  const absurd = ahead.find((name) => reported[name] - held[name] > MAX_BEHIND[name]);
  if (absurd !== undefined)
    return {
      kind: "impossible",
      why: {
        code: "numbers-beyond-held",
        params: { number_name: absurd, reported: reported[absurd], held: held[absurd] },
      },
    };
  if (restoresToday >= MAX_RESTORES_A_DAY)
    return {
      kind: "impossible",
      why: { code: "restores-too-many", params: { restores: restoresToday } },
    };
  return { kind: "restored" };
}
