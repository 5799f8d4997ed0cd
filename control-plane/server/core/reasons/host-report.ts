/**
 * What a host reports, as a reason. A host is believed in words alone: its reason counts where it says in English just what
 * the text beside it says, so that nobody reads in one language what another was never given.
 */
import { AS_REPORTED } from "@remotegpu/shared/reasons/wording";
import type { AnyReason } from "@remotegpu/shared/reasons/parameters";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { asReported, type Reason } from "./reason.ts";

/** @param reason absent from agents of before, and where all of the text is of others */
export function reportedReason(text: string, reason: HostReason | undefined): Reason {
  return reason !== undefined && textOf(reason) === text ? reason : asReported(text);
}

/** Of several texts and the reasons beside them, in the same order; a list of another length belongs to other texts. */
export function reportedReasons(
  texts: readonly string[],
  reasons: readonly (HostReason | undefined)[] = [],
): Reason[] {
  const isOfThese = texts.length === reasons.length;
  return texts.map((text, nth) => reportedReason(text, isOfThese ? reasons[nth] : undefined));
}

/** As a table has them beside their texts: null for each that is a text alone, and for all where none is more. */
export function reasonListData(reasons: readonly Reason[]): readonly (AnyReason | null)[] | null {
  const list = reasons.map((reason) => (reason.code === AS_REPORTED ? null : reason));
  return list.some((one) => one !== null) ? list : null;
}
