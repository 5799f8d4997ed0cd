/** What hosts report of why a card's health is what it is, as gpu_health has it beside the texts. */
import type { AnyReason } from "@remotegpu/shared/reasons/parameters";
import type { GpuVitals } from "@remotegpu/shared/messages/protocol";
import { reasonListData, reportedReasons } from "../../../core/reasons/host-report.ts";

/** Null where all came as texts, and for a card that is well: most have nothing to be worded. */
export function healthReasonData({
  reasons = [],
  why,
}: Pick<GpuVitals, "reasons" | "why">): readonly (AnyReason | null)[] | null {
  return reasons.length === 0 ? null : reasonListData(reportedReasons(reasons, why));
}
