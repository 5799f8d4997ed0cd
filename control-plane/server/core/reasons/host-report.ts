/**
 * What a host reports, as a reason. A host is believed in words alone: its reason counts where it says in English just what
 * the text beside it says, so that nobody reads in one language what another was never given.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { asReported, type Reason } from "./reason.ts";

/** @param reason absent from agents of before, and where all of the text is of others */
export function reportedReason(text: string, reason: HostReason | undefined): Reason {
  return reason !== undefined && textOf(reason) === text ? reason : asReported(text);
}
