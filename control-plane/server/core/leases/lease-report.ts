/** Which changes of a lease are worth an event, and what people are told of them. */
import type { LeaseService, ObservedLease } from "@remotegpu/shared/instance/lease";
import { inSequence } from "../reasons/in-sequence.ts";
import { reasonOf } from "../reasons/plain-reason.ts";
import { reportedReason } from "../reasons/host-report.ts";
import type { Reason } from "../reasons/reason.ts";

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
  releaseReason: Reason | null;
}

export interface LeaseEvent {
  kind: "lease" | "lease-release-due";
  actor: string;
  old: string | null;
  new: string;
  reason: Reason;
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
      reason: changeReason(known, seen, host.name),
    });
  const warning = warningOf(seen);
  if (warning !== null && seen.releaseDueAt !== null && isFurther(warning, known.warning))
    events.push({
      kind: "lease-release-due",
      actor: `host ${host.id}`,
      old: null,
      new: seen.releaseDueAt,
      reason: {
        code: "lease-release-due",
        params: { port: portOf(seen, host.name), service: known.service, at: seen.releaseDueAt },
      },
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

function changeReason(known: KnownLease, seen: ObservedLease, hostName: string): Reason {
  const { service, internalPort } = known;
  const ofHost = { host_name: hostName, service };
  const port = portOf(seen, hostName);
  switch (seen.state) {
    case "waiting":
      return withDetail({ code: "lease-requested", params: ofHost }, seen);
    case "held":
      return { code: "lease-held", params: { port, service, internal_port: internalPort } };
    case "conflict":
      return withDetail({ code: "lease-conflict", params: { port, service } }, seen);
    case "exhausted":
      return withDetail({ code: "lease-exhausted", params: ofHost }, seen);
    case "released":
      return releaseReasonOf(known, seen, port);
  }
}

function releaseReasonOf(known: KnownLease, seen: ObservedLease, port: Reason): Reason {
  if (isByOrder(known, seen)) return known.releaseReason ?? { code: "lease-released", params: { port } };
  const { service, autoReleaseHours: hours } = known;
  if (seen.releasedBecause === "idle") return { code: "lease-unused", params: { service, hours } };
  return withDetail(reasonOf("lease-released-by-host"), seen);
}

function portOf({ externalPort: port }: ObservedLease, hostName: string): Reason {
  return port === null
    ? { code: "any-port-of-host", params: { host_name: hostName } }
    : { code: "port-of-host", params: { port, host_name: hostName } };
}

/** What its host says of it stands behind. */
function withDetail(reason: Reason, seen: Pick<ObservedLease, "detail" | "reason">): Reason {
  const detail = seen.detail === "" ? null : reportedReason(seen.detail, seen.reason);
  return inSequence(reason, detail) ?? reason;
}
