/** By which name hosts know an environment. */
import { WorkloadId } from "@remotegpu/shared/values/ids";
import { sha256 } from "@remotegpu/shared/proof/row-hash";

/** Hosts name folders and containers after it. Ids of the old system may be any text; such a one gets another name there. */
export function idOnHosts(id: string): WorkloadId {
  const own = WorkloadId.safeParse(id);
  return own.success ? own.data : WorkloadId.parse(`old-${sha256(id).slice(0, 40)}`);
}
