/** Whether two reasons are one: an equal text may have come without the code of the other. */
import { isDeepStrictEqual } from "node:util";
import type { Reason } from "./reason.ts";

export function sameReason(one: Reason | null, other: Reason | null): boolean {
  return isDeepStrictEqual(one, other);
}
