/** The kernel's limits that all containers of this host share: is each far enough away from what one of them can take? */
import type { Check, CheckResult } from "@remotegpu/shared/doctor";
import { lowLimits } from "../../core/host/kernel-limits.ts";
import { listed } from "./journal-checks.ts";

const CHECK: Check = {
  check: "kernel-limits-are-wide",
  claim: "What the kernel counts for all containers together, no single one of them can use up.",
};

export const LIMIT_CHECKS: readonly Check[] = [CHECK];

/** @param isAgentsTask false where the operator looks after them: what is low is worth knowing, and nobody's fault */
export function checkLimits(
  values: ReadonlyMap<string, number>,
  { isAgentsTask }: { isAgentsTask: boolean },
): CheckResult[] {
  const low = lowLimits(values).map(({ name, value, wanted }) => ({
    name,
    value,
    wanted: wanted === "none" ? "0, which is no limit" : `${wanted} or more`,
  }));
  if (!isAgentsTask) {
    const notes = low.map(({ name, value, wanted }) => `${name} is ${value}; better ${wanted}`);
    return [{ ...CHECK, state: "well", ...(notes.length > 0 && { notes }) }];
  }
  return [
    listed(
      CHECK,
      low.map(({ name, value, wanted }) => ({
        finding: "kernel-limit-low",
        subject: { limit: name, value },
        sentence: `One container can take it from all others and from the host; it should be ${wanted}. The agent raises it when it starts: see its log for why it is not, or set it by sysctl.`,
      })),
    ),
  ];
}
