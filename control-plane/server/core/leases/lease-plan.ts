/**
 * Which ports an environment is to hold: those of its services, from each start on, and those that its people open by
 * hand. Numbers are no matter of this: the host picks them.
 */
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import type { SshServer } from "./ssh-server.ts";
import { reasonOf } from "../reasons/plain-reason.ts";
import type { Reason } from "../reasons/reason.ts";

/** What of an environment its leases depend on. */
export interface LeasingEnvironment {
  id: string;
  customer_id: number;
  ssh_enabled: boolean;
  rdp_enabled: boolean;
  jupyter_enabled: boolean;
  tensorboard_enabled: boolean;
  auto_release_hours: number;
  config: { ssh?: SshServer | undefined } | null;
}

export type NamedService = Exclude<LeaseService, "custom">;

/** In the order in which people are told. */
export const NAMED_SERVICES: readonly NamedService[] = ["ssh", "rdp", "jupyter", "tensorboard"];

const PORTS: Record<Exclude<NamedService, "ssh">, number> = { rdp: 3389, jupyter: 8888, tensorboard: 6006 };

/** Where each listens inside the container; that of SSH is not the same everywhere (ssh-server.ts). */
export function servicePort(service: NamedService, sshPort: number): number {
  return service === "ssh" ? sshPort : PORTS[service];
}

/** Beside those of its services. */
export const MAX_CUSTOM_PORTS = 16;

/** Which services were ordered with the environment. */
export type ServiceSwitches = Record<NamedService, boolean>;

export interface PortRequest {
  service: LeaseService;
  internalPort: number;
  autoReleaseHours: number;
}

/** A lease that is wanted held, wherever it is. */
export interface WantedLease extends PortRequest {
  id: string;
  hostId: string;
}

/** The services that get a port. A password or token in plain HTTP is readable on the way, so that is the operator's to allow. */
export function leasedServices(switches: ServiceSwitches, allowsPlainHttp: boolean): NamedService[] {
  return NAMED_SERVICES.filter(
    (service) => switches[service] && (allowsPlainHttp || !speaksPlainHttp(service)),
  );
}

export function speaksPlainHttp(service: NamedService): boolean {
  return service === "jupyter" || service === "tensorboard";
}

export interface LeasePlan {
  release: { id: string; hostId: string; reason: Reason }[];
  take: PortRequest[];
}

/**
 * What a start on this host changes. A lease that is still wanted here stays, and with it its number; one that was
 * released for idleness is taken anew, and so is one that leads to a port where its service is no more: what a lease leads
 * to never changes. Ports opened by hand move along to another host.
 */
export function planLeases({
  hostId,
  services,
  sshPort,
  wanted,
  autoReleaseHours,
}: {
  hostId: string;
  services: readonly NamedService[];
  /** Where the environment's SSH server listens from this start on. */
  sshPort: number;
  wanted: readonly WantedLease[];
  autoReleaseHours: number;
}): LeasePlan {
  const isLeased = (service: LeaseService) =>
    service === "custom" || services.some((leased) => leased === service);
  const elsewhere = wanted.filter((lease) => lease.hostId !== hostId);
  const here = wanted.filter((lease) => lease.hostId === hostId);
  const leadsAside = ({ service, internalPort }: WantedLease) =>
    service === "ssh" && isLeased(service) && internalPort !== sshPort;
  return {
    release: [
      ...elsewhere.map(({ id, hostId: from }) => ({
        id,
        hostId: from,
        reason: reasonOf("lease-of-moved-environment"),
      })),
      ...here
        .filter(({ service }) => !isLeased(service))
        .map(({ id, service }) => ({ id, hostId, reason: withoutService(service) })),
      ...here.filter(leadsAside).map(({ id }) => ({ id, hostId, reason: otherSshPort(sshPort) })),
    ],
    take: [
      ...services
        .filter((service) => !here.some((lease) => lease.service === service && !leadsAside(lease)))
        .map((service) => ({ service, internalPort: servicePort(service, sshPort), autoReleaseHours })),
      ...elsewhere
        .filter(({ service }) => service === "custom")
        .map(({ service, internalPort, autoReleaseHours: hours }) => ({
          service,
          internalPort,
          autoReleaseHours: hours,
        })),
    ],
  };
}

function withoutService(service: LeaseService): Reason {
  return { code: "lease-without-service", params: { service } };
}

function otherSshPort(internalPort: number): Reason {
  return { code: "lease-of-other-ssh-port", params: { internal_port: internalPort } };
}

export type CustomPortObstacle =
  | { field: "internal_port"; reason: Reason }
  | { field: null; reason: Reason }
  | null;

/** Why this port may not be opened by hand: with the field, where another number would do. */
export function customPortObstacle(
  internalPort: number,
  {
    switches,
    sshPort,
    opened,
    closing,
  }: {
    switches: ServiceSwitches;
    sshPort: number;
    opened: readonly number[];
    /** How many of its hosts have not confirmed yet: an environment must not fill a silent host with its wishes. */
    closing: number;
  },
): CustomPortObstacle {
  const owner = NAMED_SERVICES.find(
    (service) => switches[service] && servicePort(service, sshPort) === internalPort,
  );
  if (owner !== undefined)
    return {
      field: "internal_port",
      reason: { code: "port-of-service", params: { internal_port: internalPort, service: owner } },
    };
  if (opened.includes(internalPort))
    return { field: null, reason: { code: "port-open-already", params: { internal_port: internalPort } } };
  if (opened.length >= MAX_CUSTOM_PORTS)
    return {
      field: null,
      reason: { code: "custom-ports-too-many", params: { max_ports: MAX_CUSTOM_PORTS } },
    };
  if (opened.length + closing >= MAX_CUSTOM_PORTS)
    return { field: null, reason: { code: "custom-ports-closing", params: { ports: closing } } };
  return null;
}
