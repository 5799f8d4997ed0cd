/** When a card's readings were said last, which its row does not tell alone: what stands still is noted seldom. */
import { BLIND_WORDS } from "../../../core/hosts/blindness.ts";

/** The host repeats what its nvidia-smi said before that fell silent: nobody has seen the cards since. */
export const IS_BLIND = `'{${BLIND_WORDS.join(",")}}'::text[] && `;

/**
 * SQL: of a card as its host told it, `told` with `"hasSign"` and `cordon`, whether it failed or shows a sign of failure. What
 * it read well last was before.
 */
export const reportsFailure = (reported: string) =>
  `coalesce(${reported}."hasSign" OR ${reported}.cordon ->> 'kind' = 'fatal', false)`;

/** Within it a card's readings that stand still are noted again; those of one that is older nobody has told lately. */
const NOTED_AGAIN_SECONDS = 75;

/**
 * The time of the last sample of a card `g` of a host `h`. A heartbeat that repeats the one before leaves the card's
 * row as it is, and is a sample all the same.
 */
export const SAMPLED_AT = `(CASE WHEN g.vanished_at IS NULL AND NOT ${IS_BLIND} h.degraded
    AND h.last_heartbeat BETWEEN g.last_seen_at AND g.last_seen_at + interval '${NOTED_AGAIN_SECONDS} seconds'
  THEN h.last_heartbeat ELSE g.last_seen_at END)`;
