/**
 * Ways into an environment through the gateway, as its people are told them. Why a service or port of an environment is
 * not reached, as a reason for them and for the pages that the gateway shows; nothing where there is a way. Whether
 * somebody answers behind it is what its host saw last, which people are told; the gateway asks all the same.
 */
import type { ServiceAnswer, ServiceAnswers } from "@remotegpu/shared/instance/instance";
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import { SSH_PORT } from "@remotegpu/shared/instance/ssh-access";
import { inSequence } from "../reasons/in-sequence.ts";
import { reasonOf, statusPhrase } from "../reasons/plain-reason.ts";
import { listedReason } from "../reasons/english/listed-reason.ts";
import type { Reason } from "../reasons/reason.ts";
import type { AccessMethod } from "./access-methods.ts";
import type { GatewayTarget, WebService } from "./web-target.ts";

/** Which services were ordered with the environment. */
export interface WebSwitches {
  ssh: boolean;
  rdp: boolean;
  jupyter: boolean;
  tensorboard: boolean;
  terminal: boolean;
}

export interface WebEnvironment {
  name: string;
  status: EnvironmentStatus;
  statusReason: Reason | null;
  switches: WebSwitches;
  brings: readonly string[] | null;
  /** Which of its services answer, as its host told it last; null where nothing is known. */
  services: ServiceAnswers | null;
}

export interface WebObstacle {
  kind: "starting" | "stopped" | "not-there";
  reason: Reason;
}

/** What an image must bring, as agents name it, and what it is called. */
const NEEDS = {
  jupyter: { word: "notebook", name: "JupyterLab" },
  tensorboard: { word: "tensorboard", name: "TensorBoard" },
} as const;

export function whyUnreachable(environment: WebEnvironment, target: GatewayTarget): WebObstacle | null {
  const { status, switches, brings } = environment;
  if (typeof target !== "number" && !switches[target])
    return { kind: "not-there", reason: { code: "service-switched-off", params: { service: target } } };
  if (status !== "running") return notRunning(environment);
  if (target === "jupyter" || target === "tensorboard") {
    const { word, name } = NEEDS[target];
    if (brings !== null && !brings.includes(word))
      return { kind: "not-there", reason: { code: "image-without-program", params: { program: name } } };
  }
  return null;
}

/** Null where somebody was seen there, and where nobody has looked. */
export function whySilent(answer: ServiceAnswer | null): Reason | null {
  if (answer === null || answer.isSeen) return null;
  const detail = answer.detail.trimEnd();
  const seen = detail === "" ? null : listedReason(detail, answer.reason ?? null);
  return inSequence(reasonOf("service-silent"), seen);
}

function notRunning({ name, status, statusReason }: WebEnvironment): WebObstacle {
  switch (status) {
    case "queued":
    case "creating":
    case "restarting":
      return { kind: "starting", reason: startingReason(statusReason) };
    case "running":
    case "stopping":
    case "stopped":
    case "error":
    case "deleting":
      return {
        kind: "stopped",
        reason: {
          code: "environment-not-running",
          params: { status: statusPhrase(status), command: `remotegpu env start ${name}` },
        },
      };
  }
}

function startingReason(statusReason: Reason | null): Reason {
  const starting = reasonOf("environment-still-starting");
  return inSequence(starting, statusReason) ?? starting;
}

/** A way through the gateway has no port on a host; the terminal stands beside those that may have one. */
export type GatewayAccessMethod = Omit<AccessMethod, "service"> & {
  service: AccessMethod["service"] | "terminal";
};

/**
 * The ways as they are with the gateway beside the ports on hosts.
 * @param originOf null: there is no web side, since all customers' pages would be of one origin
 */
export function withGateway(
  accessMethods: readonly AccessMethod[],
  environment: WebEnvironment,
  originOf: ((service: WebService) => string) | null,
): GatewayAccessMethod[] {
  const through = (accessMethod: GatewayAccessMethod, service: WebService): GatewayAccessMethod => {
    if (originOf === null)
      return accessMethod.isReachable
        ? accessMethod
        : { ...accessMethod, reason: without(accessMethod, environment) };
    const reason =
      whyUnreachable(environment, service)?.reason ?? whySilent(environment.services?.[service] ?? null);
    return { ...accessMethod, isReachable: reason === null, url: originOf(service), reason };
  };
  const reported = accessMethods.map((accessMethod) =>
    accessMethod.service === "jupyter" || accessMethod.service === "tensorboard"
      ? through(accessMethod, accessMethod.service)
      : accessMethod,
  );
  if (!environment.switches.terminal) return reported;
  const opened = reported.filter(({ service }) => service === "custom");
  return [
    ...reported.filter(({ service }) => service !== "custom"),
    through(TERMINAL, "terminal"),
    ...opened,
  ];
}

const TERMINAL: GatewayAccessMethod = {
  service: "terminal",
  internalPort: SSH_PORT,
  state: "none",
  isReachable: false,
  host: null,
  port: null,
  command: null,
  url: null,
  hostKeyFingerprint: null,
  knownHosts: null,
  reason: null,
  leadsThroughGateway: false,
};

function without({ service, internalPort, reason }: GatewayAccessMethod, { name }: WebEnvironment): Reason {
  const instead = service === "terminal" ? `ssh ${name}` : `port-forward ${name} ${internalPort}`;
  const none: Reason = { code: "web-side-missing", params: { command: `remotegpu ${instead}` } };
  return inSequence(reason, none) ?? none;
}
