/** Why a host cannot be asked about what runs on it. */
import type { Reason } from "../../../core/reasons/reason.ts";

/** @param since when it was heard last; null for one that has only joined */
export function unreachableSince({ hostName, since }: { hostName: string; since: Date | null }): Reason {
  return since === null
    ? { code: "host-never-reached", params: { host_name: hostName } }
    : { code: "host-unreachable-since", params: { host_name: hostName, since: since.toISOString() } };
}
