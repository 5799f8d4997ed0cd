/**
 * Which stretches of UTC are free for a run, by what broke under it, and what of them is still to be written down.
 * Stretches that are written never move and never shrink; one that lasts on gets its end once.
 */
import { UNREACHABLE_AFTER_MS } from "../../hosts/host-liveness.ts";
import { beyond, type Interval, union } from "../proven-time.ts";

/** From the last good sample to the first good one after it; `toMs` is Infinity while it lasts. */
export function outageSpan(outage: { lastGoodMs: number; recoveredMs: number | null }): Interval {
  return { fromMs: outage.lastGoodMs, toMs: outage.recoveredMs ?? Infinity };
}

export interface DeathOfHost {
  /** When the last heartbeat of that boot came. */
  readonly lastHeardMs: number;
  /** How far the run's time is proven in that boot; null where none is. */
  readonly provenToMs: number | null;
  /** When the run was first reported ready afterwards; null while it was not. */
  readonly readyAgainMs: number | null;
}

/**
 * The last good sample is the last heartbeat. Where the journal proves much more than that, the host had been cut off
 * first and its work went on, which is charged: then it is the journal's own last sample.
 */
export function deathSpan({ lastHeardMs, provenToMs, readyAgainMs }: DeathOfHost): Interval {
  const wasCutOff = provenToMs !== null && provenToMs - lastHeardMs >= UNREACHABLE_AFTER_MS;
  return { fromMs: wasCutOff ? provenToMs : lastHeardMs, toMs: readyAgainMs ?? Infinity };
}

/** What must be written so that `written` becomes the union of both; a stretch that is there already gets its end. */
export function spansToWrite(broken: readonly Interval[], written: readonly Interval[]): Interval[] {
  const whole = union(broken);
  const endOf = ({ fromMs }: Interval) =>
    whole.find((span) => span.fromMs <= fromMs && fromMs < span.toMs)?.toMs ?? Infinity;
  const ended = written
    .filter(({ toMs }) => toMs === Infinity)
    .map((span) => ({ fromMs: span.fromMs, toMs: endOf(span) }));
  const known = union([...written.filter(({ toMs }) => toMs !== Infinity), ...ended]);
  const added = whole.flatMap((span) => beyond(known, span));
  return [...ended.filter(({ toMs }) => toMs !== Infinity), ...added];
}
