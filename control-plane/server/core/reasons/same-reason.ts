/** Whether two reasons are one: an equal text may have come without the code of the other. */
import { inEnglish } from "./english/english.ts";
import type { Reason } from "./reason.ts";

export function sameReason(one: Reason | null, other: Reason | null): boolean {
  if (one === null || other === null) return one === other;
  return one.code === other.code && inEnglish(one) === inEnglish(other);
}
