/** A text of a list in a table, with the reason that the table has beside it. */
import type { AnyReason } from "@remotegpu/shared/reasons/parameters";
import { asReported, isReason, type Reason } from "../reason.ts";
import { inEnglish } from "./english.ts";

/** @param data null where the text is all there is; of another text it counts for nothing */
export function listedReason(text: string, data: AnyReason | null): Reason {
  return isReason(data) && inEnglish(data) === text ? data : asReported(text);
}
