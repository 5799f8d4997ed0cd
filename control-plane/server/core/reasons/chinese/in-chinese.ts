/** A reason as it comes from the API, in Chinese: as the dashboard loads it, and only for whoever reads Chinese. */
import type { AnyReason } from "@remotegpu/shared/reasons/parameters";
import { type Piece, piecesOf } from "@remotegpu/shared/reasons/wording";
import { isReason } from "../reason.ts";
import { CHINESE } from "./chinese.ts";

/** @returns null for one of another version, whose text is shown as it came */
export function inChinese(reason: AnyReason): Piece[] | null {
  return isReason(reason) ? piecesOf(reason, CHINESE) : null;
}
