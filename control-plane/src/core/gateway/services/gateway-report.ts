/** What each gateway tells of the inference services that it was asked for: which state it follows and what is open. */
import type { InstanceId } from "@remotegpu/shared/ids";

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
}
