/** What each gateway tells of the inference services that it was asked for: which state it follows and what is open. */
import type { InstanceId } from "@remotegpu/shared/values/ids";

/** So many replicas of a service are told one by one, since each gateway writes all that it tells each second. */
export const MAX_LISTED = 256;

export interface RoutesReport {
  /** By the database's clock: whatever was committed before is followed. */
  asOf: Date;
  /** By their ids. One that is not here has nothing at this gateway. */
  services: Readonly<Record<string, ServiceReport>>;
}

export interface ServiceReport {
  /** Given to replicas, and not over. */
  inFlight: number;
  /** Waiting until one serves or has room. */
  held: number;
  /** Since this gateway keeps the service, which it forgets five minutes after the last one: fewer is a count that began anew. */
  requests: number;
  /** In flight, by the replicas that have left the route. */
  left: Readonly<Partial<Record<InstanceId, number>>>;
  /** In flight, by the replicas of the route that have any. Absent where those are too many, and from gateways of before. */
  listed?: Readonly<Partial<Record<InstanceId, number>>> | undefined;
}

/**
 * What all gateways together have in flight at a replica; null where nobody tells.
 * @param reports one of each gateway that tells anything; null: it has nothing of the service
 */
export function inFlightAt(instanceId: string, reports: readonly (ServiceReport | null)[]): number | null {
  const counts = reports.map((report) => (report === null ? 0 : inFlightAtOne(instanceId, report)));
  return counts.length === 0
    ? null
    : counts.reduce((sum, count) => (sum === null || count === null ? null : sum + count), 0);
}

function inFlightAtOne(instanceId: string, { inFlight, left, listed }: ServiceReport): number | null {
  const at = (counts: Readonly<Record<string, number | undefined>>) => counts[instanceId] ?? 0;
  // Where nothing is in flight at all, nothing is at any of them.
  if (listed === undefined) return inFlight === 0 ? 0 : null;
  return at(left) + at(listed);
}
