/** Reasons one after the other, as one; null for none. */
import type { Reason } from "./reason.ts";

export function inSequence(...reasons: readonly (Reason | null)[]): Reason | null {
  const given = reasons.filter((reason) => reason !== null);
  const [first = null] = given;
  return given.length < 2 ? first : { code: "in-sequence", params: { reasons: given } };
}
