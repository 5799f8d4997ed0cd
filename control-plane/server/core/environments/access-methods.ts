/**
 * The ways into an environment as its people are told them: for each service that is switched on and each port opened
 * by hand, where it is reached, with the command or address to use, or the sentence that says why not.
 */
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import { whatLacks } from "@remotegpu/shared/instance/features";
import { SSH_FEATURE, SSH_PORT } from "@remotegpu/shared/instance/ssh-access";
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import {
  NAMED_SERVICES,
  type NamedService,
  servicePort,
  type ServiceSwitches,
  speaksPlainHttp,
} from "../leases/lease-plan.ts";
import { isRelayed } from "./web-target.ts";
import { knownHostsLine, type PublicHostKey } from "./host-keys.ts";
import type { LeaseState } from "../leases/lease-report.ts";
import { IMAGES_OWN_PORT } from "../leases/ssh-server.ts";

/** The newest lease of one service or port. */
export interface LeaseNow {
  service: LeaseService;
  internalPort: number;
  want: "held" | "released";
  state: LeaseState;
  externalPort: number | null;
  detail: string;
  releaseReason: string | null;
  autoReleaseHours: number;
  hostName: string;
  /** Null: the operator does not know it to be the host's own, so nobody is sent there. */
  hostAddress: string | null;
  /** False while the host is not heard: what it said last may be old. */
  isHostHeard: boolean;
  /** Its gateways reach it by what it dials alone, and nobody said where else customers reach it. */
  isHostShut: boolean;
  /** Whether its agent serves SSH. */
  servesSsh: boolean;
  /** Whether it keeps an image's xrdp up. */
  servesRdp: boolean;
  /** Whether its host saw somebody answer behind it; null while nobody has looked. */
  answers: { isSeen: boolean; detail: string } | null;
}

export interface AccessMethod {
  service: LeaseService;
  internalPort: number;
  /** none: there is no lease, and never was. */
  state: LeaseState | "none";
  isReachable: boolean;
  host: string | null;
  port: number | null;
  command: string | null;
  url: string | null;
  /** Both of the server that answers, where it is ours: null for other services. The second needs a port. */
  hostKeyFingerprint: string | null;
  knownHosts: string | null;
  /** A sentence: why it is not reachable, or whom it keeps out though it is; null where it is open to all. */
  reason: string | null;
  /** A gateway leads to SSH and RDP, too; to a host that lets nobody in it is the only route. */
  leadsThroughGateway: boolean;
}

export interface EnvironmentNow {
  /** Whether gateways lead anybody anywhere. */
  hasGateway: boolean;
  status: EnvironmentStatus;
  switches: ServiceSwitches;
  allowsPlainHttp: boolean;
  leases: readonly LeaseNow[];
  /** The key of its SSH server; null where that is the image's own, which nobody knows here. */
  hostKey: PublicHostKey | null;
  /** A password opens that server, beside keys. */
  hasSshPassword: boolean;
  /** What its image brings, in words; null where nobody could look. */
  brings: readonly string[] | null;
}

export function accessMethods(environment: EnvironmentNow): AccessMethod[] {
  const { switches, leases } = environment;
  const named = NAMED_SERVICES.filter((service) => switches[service]).map((service) => {
    const lease = leases.find((one) => one.service === service);
    return lease === undefined ? withoutLease(service, environment) : throughLease(lease, environment);
  });
  const opened = leases
    .filter(({ service }) => service === "custom")
    .map((lease) => throughLease(lease, environment));
  return [...named, ...opened];
}

function withoutLease(service: NamedService, environment: EnvironmentNow): AccessMethod {
  const { status, allowsPlainHttp } = environment;
  return {
    service,
    internalPort: servicePort(service, environment.hostKey === null ? IMAGES_OWN_PORT : SSH_PORT),
    state: "none",
    isReachable: false,
    host: null,
    port: null,
    command: null,
    url: null,
    ...serverOf(service, environment, null),
    reason: whyNoLease(service, status, allowsPlainHttp),
    leadsThroughGateway: false,
  };
}

function whyNoLease(service: NamedService, status: EnvironmentStatus, allowsPlainHttp: boolean): string {
  if (speaksPlainHttp(service) && !allowsPlainHttp)
    return `${service} gets no port of its own: plain HTTP is not allowed here.`;
  return status === "running" || status === "creating" || status === "restarting"
    ? "No port was taken for it. Renew the access, or start the environment anew."
    : "It gets a port when the environment is started.";
}

function throughLease(lease: LeaseNow, environment: EnvironmentNow): AccessMethod {
  const within = whyUnreachable(lease, environment);
  const reason = within ?? whyShut(lease, environment);
  const isReported = lease.want === "held" && lease.state !== "released";
  const { externalPort: port, hostAddress: host } = lease;
  const at = isReported && port !== null && host !== null ? { host, port } : null;
  return {
    service: lease.service,
    internalPort: lease.internalPort,
    state: lease.want === "released" ? "released" : lease.state,
    isReachable: reason === null,
    host: at?.host ?? null,
    port: at?.port ?? null,
    command: at && commandOf(lease.service, at),
    url: at && urlOf(lease.service, at),
    ...serverOf(lease.service, environment, at),
    reason: reason ?? whomItKeepsOut(lease, environment),
    leadsThroughGateway: isRelayed(lease.service) && within === null,
  };
}

/** What its host says of guesses at a password, which is of interest where there is one. */
function whomItKeepsOut(
  { service, detail }: LeaseNow,
  { hostKey, hasSshPassword }: EnvironmentNow,
): string | null {
  return service === "ssh" && hostKey !== null && hasSshPassword && detail !== "" ? detail : null;
}

function serverOf(
  service: LeaseService,
  { hostKey }: EnvironmentNow,
  at: Place | null,
): Pick<AccessMethod, "hostKeyFingerprint" | "knownHosts"> {
  if (service !== "ssh" || hostKey === null) return { hostKeyFingerprint: null, knownHosts: null };
  return {
    hostKeyFingerprint: hostKey.fingerprint,
    knownHosts: at === null ? null : knownHostsLine(hostKey, at),
  };
}

/** Its port is open on the host, which helps nobody outside its network. */
function whyShut(
  { service, isHostShut, hostName, hostAddress }: LeaseNow,
  { hasGateway }: EnvironmentNow,
): string | null {
  if (!isHostShut && hostAddress !== null) return null;
  const instead = hasGateway ? throughGateway(service) : NO_GATEWAY;
  if (hostAddress === null)
    return `Where host ${hostName} is reached is not confirmed, so nobody is sent to the port. ${instead}`;
  return `Host ${hostName} lets nobody in from outside its network, so the port leads nowhere from there. ${instead}`;
}

const NO_GATEWAY = "No gateway leads there either, since no WEB_DOMAIN is set.";

function throughGateway(service: LeaseService): string {
  switch (service) {
    case "ssh":
      return "`remotegpu ssh` goes through the gateway.";
    case "rdp":
      return "`remotegpu open ENVIRONMENT rdp` leads there through the gateway, for as long as it is left open.";
    case "jupyter":
    case "tensorboard":
    case "custom":
      return "`remotegpu port-forward` leads there through the gateway.";
  }
}

function whyUnreachable(lease: LeaseNow, environment: EnvironmentNow): string | null {
  const { service, hostName } = lease;
  const { status } = environment;
  if (lease.want === "released" || lease.state === "released") return whyReleased(lease, status);
  if (!lease.isHostHeard) return `Host ${hostName} is not heard; the port leads in again when it is reached.`;
  switch (lease.state) {
    case "waiting":
      return `Host ${hostName} is binding a port for ${service}.${spaced(lease.detail)}`;
    case "conflict":
      return `Something else on host ${hostName} has taken the port; it is tried again.${spaced(lease.detail)}`;
    case "exhausted":
      return `Host ${hostName} has no free port; it is tried again.${spaced(lease.detail)}`;
    case "held":
      return status === "running" ? whyNobodyAnswers(lease, environment) : whyNotRunning(status);
  }
}

function whyNotRunning(status: EnvironmentStatus): string {
  return status === "creating" || status === "queued"
    ? "The environment is still starting; the port is kept and leads in once it runs."
    : `The environment is ${status}; the port is kept and leads in while it runs.`;
}

/** Null only where its host saw somebody: a port alone is no way in. */
function whyNobodyAnswers(lease: LeaseNow, { hostKey, brings }: EnvironmentNow): string | null {
  const { service, internalPort, answers, servesSsh } = lease;
  const isOurs = service === "ssh" && hostKey !== null;
  const why = isOurs ? whyNotOurs(lease) : null;
  if (why !== null) return why;
  if (answers?.isSeen === true) return null;
  if (!isOurs && lacks(service, brings)) return `Not in the image: ${LACKS[service]}.`;
  if (service === "rdp" && !lease.servesRdp)
    return `The host's agent is too old: it cannot ${whatLacks("rdp")}.`;
  if (answers !== null) return `Nothing answers yet. ${answers.detail}`;
  return servesSsh
    ? `Still starting: its host has not seen yet whether something answers on port ${internalPort}.`
    : `The host's agent is too old to see whether something answers on port ${internalPort}.`;
}

function whyNotOurs({ servesSsh, internalPort }: LeaseNow): string | null {
  if (!servesSsh) return `The host's agent is too old: it cannot ${whatLacks(SSH_FEATURE)}.`;
  return internalPort === SSH_PORT
    ? null
    : "It was started before its host's agent served SSH; restart it to be served.";
}

/** What serves each, as agents name it; nothing of ours does. */
const SERVERS: Record<LeaseService, string | null> = {
  ssh: "sshd",
  rdp: "xrdp",
  jupyter: "notebook",
  tensorboard: "tensorboard",
  custom: null,
};
const LACKS: Record<LeaseService, string> = {
  ssh: "it has no SSH server of its own, which the order asks for",
  rdp: "it has no xrdp",
  jupyter: "it has no JupyterLab",
  tensorboard: "it has no TensorBoard",
  custom: "",
};

function lacks(service: LeaseService, brings: readonly string[] | null): boolean {
  const server = SERVERS[service];
  return server !== null && brings !== null && !brings.includes(server);
}

function whyReleased({ service, releaseReason, state }: LeaseNow, status: EnvironmentStatus): string {
  const why =
    state === "released" ? (releaseReason ?? "The port was released.") : "The port is being released.";
  if (service === "custom") return why;
  return status === "running"
    ? `${why} Renew the access to take another.`
    : `${why} The next start takes another.`;
}

interface Place {
  host: string;
  port: number;
}

function commandOf(service: LeaseService, { host, port }: Place): string | null {
  switch (service) {
    case "ssh":
      return `ssh -p ${port} root@${host}`;
    case "rdp":
      return `xfreerdp /v:${inUrl(host)}:${port} /u:root`;
    case "jupyter":
    case "tensorboard":
    case "custom":
      return null;
  }
}

function urlOf(service: LeaseService, { host, port }: Place): string | null {
  return service === "jupyter" || service === "tensorboard" ? `http://${inUrl(host)}:${port}/` : null;
}

/** An IPv6 address stands in brackets before a port. */
function inUrl(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function spaced(detail: string): string {
  return detail === "" ? "" : ` ${detail}`;
}
