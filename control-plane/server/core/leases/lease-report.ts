/** Which changes of a lease are worth an event, and what people are told of them. */
import type { LeaseService, ObservedLease } from "@remotegpu/shared/instance/lease";

export type LeaseState = ObservedLease["state"];
export type ReleaseWarning = NonNullable<ObservedLease["releaseWarning"]>;

/** A lease as it was ordered and last heard of. */
export interface KnownLease {
  service: LeaseService;
  internalPort: number;
  autoReleaseHours: number;
  want: "held" | "released";
  state: LeaseState;
  externalPort: number | null;
  /** The warning of the release that people had last. */
  warning: ReleaseWarning | null;
  releasedBy: string | null;
  releaseReason: string | null;
}

export interface LeaseEvent {
  kind: "lease" | "lease-release-due";
  actor: string;
  old: string | null;
  new: string;
  reason: string;
}

/** None where nothing changed that people should know. */
export function leaseEvents(
  known: KnownLease,
  seen: ObservedLease,
  host: { id: string; name: string },
): LeaseEvent[] {
  const events: LeaseEvent[] = [];
  const hasMoved =
    seen.state === "held" && known.state === "held" && seen.externalPort !== known.externalPort;
  if (seen.state !== known.state || hasMoved)
    events.push({
      kind: "lease",
      actor: isByOrder(known, seen) ? (known.releasedBy ?? "control-plane") : `host ${host.id}`,
      old: known.state,
      new: seen.state,
      reason: reasonOf(known, seen, host.name),
    });
  const warning = warningOf(seen);
  if (warning !== null && seen.releaseDueAt !== null && isFurther(warning, known.warning))
    events.push({
      kind: "lease-release-due",
      actor: `host ${host.id}`,
      old: null,
      new: seen.releaseDueAt,
      reason: `${portOf(seen, host.name)} (${known.service}) is released at ${seen.releaseDueAt} unless somebody connects.`,
    });
  return events;
}

/** The one that is due; null for none. An agent that does not tell which warns once, shortly before. */
export function warningOf(seen: ObservedLease): ReleaseWarning | null {
  if (seen.state === "released" || seen.releaseDueAt === null) return null;
  return seen.releaseWarning ?? "last";
}

/** Each is told once: the last one may be the first that people hear of. */
function isFurther(warning: ReleaseWarning, reported: ReleaseWarning | null): boolean {
  return reported === null || (reported === "first" && warning === "last");
}

function isByOrder(known: KnownLease, seen: ObservedLease): boolean {
  return seen.state === "released" && known.want === "released" && seen.releasedBecause !== "idle";
}

function reasonOf(known: KnownLease, seen: ObservedLease, hostName: string): string {
  const { service, internalPort } = known;
  const port = portOf(seen, hostName);
  switch (seen.state) {
    case "waiting":
      return `Host ${hostName} is to bind a port for ${service}.${detailOf(seen)}`;
    case "held":
      return `${port} leads to ${service} (port ${internalPort} inside).`;
    case "conflict":
      return `${port}, which led to ${service}, is taken by something else there; it is tried again.${detailOf(seen)}`;
    case "exhausted":
      return `Host ${hostName} has no free port for ${service}; it is tried again.${detailOf(seen)}`;
    case "released":
      return releaseReasonOf(known, seen, port);
  }
}

function releaseReasonOf(known: KnownLease, seen: ObservedLease, port: string): string {
  if (isByOrder(known, seen)) return known.releaseReason ?? `${port} was released.`;
  if (seen.releasedBecause === "idle")
    return `Nobody connected to ${known.service} for ${known.autoReleaseHours} hours.`;
  return `Its host has released it.${detailOf(seen)}`;
}

function portOf({ externalPort }: ObservedLease, hostName: string): string {
  return externalPort === null ? `A port of host ${hostName}` : `Port ${externalPort} of host ${hostName}`;
}

function detailOf({ detail }: ObservedLease): string {
  return detail === "" ? "" : ` ${detail}`;
}
