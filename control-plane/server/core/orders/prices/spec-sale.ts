/** Whether new orders may use a spec, and the reason for those that may not, which names what they may use instead. */
import type { Reason } from "../../reasons/reason.ts";

/** Unpriced is one that is in the catalogue and has no price in force; unknown is one that nobody ever made. */
export type SpecStatus = "sold" | "retired" | "unpriced" | "unknown";

/** So many of a longer catalogue are named. */
const MAX_NAMED = 20;

/** @param sold names of the specs that new orders may use, in the order to name them */
export function unsoldReason(
  spec: string,
  status: Exclude<SpecStatus, "sold">,
  sold: readonly string[],
): Reason {
  const why: Reason = { code: `spec-${status}`, params: { spec } };
  return { code: "spec-not-sold", params: { why, sold: alternatives(sold) } };
}

function alternatives(sold: readonly string[]): Reason {
  const [last, ...others] = sold.slice(0, MAX_NAMED).reverse();
  if (last === undefined) return { code: "no-spec-sold", params: {} };
  if (sold.length > MAX_NAMED) {
    const specs = { names: sold.slice(0, MAX_NAMED), more: 0 };
    return { code: "first-specs-sold", params: { specs, unnamed: sold.length - MAX_NAMED } };
  }
  if (others.length === 0) return { code: "spec-sold", params: { spec: last } };
  return { code: "specs-sold", params: { specs: { names: others.reverse(), more: 0 }, last } };
}
