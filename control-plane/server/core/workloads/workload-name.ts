/** Which workload of which kind, and one text for it: ids of the old system may be the same in two kinds. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";

export interface WorkloadName {
  kind: WorkloadKind;
  id: string;
}

export function nameKey({ kind, id }: WorkloadName): string {
  return `${kind} ${id}`;
}
