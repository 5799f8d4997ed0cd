/**
 * The ways into an environment as its people are told them: for each service that is switched on and each port opened
 * by hand, where it is reached, with the command or address to use, or the reason why not.
 */
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import { type Feature, whatLacks } from "@remotegpu/shared/instance/features";
import { SSH_FEATURE, SSH_PORT } from "@remotegpu/shared/instance/ssh-access";
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import {
  NAMED_SERVICES,
  type NamedService,
  servicePort,
  type ServiceSwitches,
  speaksPlainHttp,
} from "../leases/lease-plan.ts";
import { inSequence } from "../reasons/in-sequence.ts";
import { reasonOf, statusPhrase } from "../reasons/plain-reason.ts";
import type { PlainCode, Reason } from "../reasons/reason.ts";
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
  /** What its host says of it; null for nothing. */
  detail: Reason | null;
  releaseReason: Reason | null;
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
  answers: { isSeen: boolean; detail: Reason | null } | null;
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
  /** Why it is not reachable, or whom it keeps out though it is; null where it is open to all. */
  reason: Reason | null;
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

function whyNoLease(service: NamedService, status: EnvironmentStatus, allowsPlainHttp: boolean): Reason {
  if (speaksPlainHttp(service) && !allowsPlainHttp)
    return { code: "service-without-port", params: { service } };
  const isOn = status === "running" || status === "creating" || status === "restarting";
  return reasonOf(isOn ? "port-not-leased" : "port-at-start");
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
): Reason | null {
  return service === "ssh" && hostKey !== null && hasSshPassword ? detail : null;
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
): Reason | null {
  if (!isHostShut && hostAddress !== null) return null;
  const instead = reasonOf(hasGateway ? throughGateway(service) : "gateway-missing");
  const code = hostAddress === null ? "access-host-unconfirmed" : "access-host-closed";
  return { code, params: { host_name: hostName, instead } };
}

function throughGateway(service: LeaseService): PlainCode {
  switch (service) {
    case "ssh":
      return "gateway-leads-to-ssh";
    case "rdp":
      return "gateway-leads-to-rdp";
    case "jupyter":
    case "tensorboard":
    case "custom":
      return "gateway-leads-to-port";
  }
}

function whyUnreachable(lease: LeaseNow, environment: EnvironmentNow): Reason | null {
  const { service, hostName } = lease;
  const { status } = environment;
  const ofHost = { host_name: hostName };
  if (lease.want === "released" || lease.state === "released") return whyReleased(lease, status);
  if (!lease.isHostHeard) return { code: "access-host-not-heard", params: ofHost };
  switch (lease.state) {
    case "waiting":
      return withDetail({ code: "port-being-bound", params: { ...ofHost, service } }, lease.detail);
    case "conflict":
      return withDetail({ code: "port-taken-by-other", params: ofHost }, lease.detail);
    case "exhausted":
      return withDetail({ code: "host-without-free-port", params: ofHost }, lease.detail);
    case "held":
      return status === "running" ? whyNobodyAnswers(lease, environment) : whyNotRunning(status);
  }
}

function whyNotRunning(status: EnvironmentStatus): Reason {
  return status === "creating" || status === "queued"
    ? reasonOf("port-waits-for-start")
    : { code: "port-waits-for-environment", params: { status: statusPhrase(status) } };
}

/** Null only where its host saw somebody: a port alone is no way in. */
function whyNobodyAnswers(lease: LeaseNow, { hostKey, brings }: EnvironmentNow): Reason | null {
  const { service, internalPort, answers, servesSsh } = lease;
  const isOurs = service === "ssh" && hostKey !== null;
  const why = isOurs ? whyNotOurs(lease) : null;
  if (why !== null) return why;
  if (answers?.isSeen === true) return null;
  const missing = isOurs ? null : whatImageLacks(service, brings);
  if (missing !== null) return missing;
  if (service === "rdp" && !lease.servesRdp) return agentTooOld("rdp");
  const asked = { internal_port: internalPort };
  if (answers !== null) return withDetail(reasonOf("service-silent"), answers.detail);
  return { code: servesSsh ? "service-answer-unknown" : "agent-too-old-to-see-port", params: asked };
}

function whyNotOurs({ servesSsh, internalPort }: LeaseNow): Reason | null {
  if (!servesSsh) return agentTooOld(SSH_FEATURE);
  return internalPort === SSH_PORT ? null : reasonOf("ssh-after-restart");
}

function agentTooOld(feature: Feature): Reason {
  return { code: "agent-too-old-for", params: { cannot: whatLacks(feature) } };
}

/** What serves each, as agents name it, and what it is called; nothing of ours does. */
const SERVERS = {
  ssh: { word: "sshd", why: { code: "image-without-ssh-server", params: {} } },
  rdp: { word: "xrdp", why: { code: "image-without-program", params: { program: "xrdp" } } },
  jupyter: { word: "notebook", why: { code: "image-without-program", params: { program: "JupyterLab" } } },
  tensorboard: {
    word: "tensorboard",
    why: { code: "image-without-program", params: { program: "TensorBoard" } },
  },
  custom: null,
} as const satisfies Record<LeaseService, { word: string; why: Reason } | null>;

function whatImageLacks(service: LeaseService, brings: readonly string[] | null): Reason | null {
  const server = SERVERS[service];
  return server === null || brings === null || brings.includes(server.word) ? null : server.why;
}

function whyReleased({ service, releaseReason, state }: LeaseNow, status: EnvironmentStatus): Reason {
  const released = releaseReason ?? reasonOf("port-released");
  const why = state === "released" ? released : reasonOf("port-being-released");
  if (service === "custom") return why;
  const next = reasonOf(status === "running" ? "port-renewable" : "port-at-next-start");
  return { code: "in-sequence", params: { reasons: [why, next] } };
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

/** What its host says of it stands behind. */
function withDetail(reason: Reason, detail: Reason | null): Reason {
  return inSequence(reason, detail) ?? reason;
}
