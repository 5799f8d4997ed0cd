/**
 * What of an environment is reached through the gateway: a service by its name, or a port of its container. As text it
 * stands in the database, in links and in names of origins.
 */

export const WEB_SERVICES = ["jupyter", "tensorboard", "terminal"] as const;
export type WebService = (typeof WEB_SERVICES)[number];

/** A number is a port of the container. */
export type WebTarget = WebService | number;

/** Whose connections go through as bytes, for programs that speak something else than HTTP. */
const RELAYED_SERVICES = ["ssh", "rdp"] as const;
export type RelayedService = (typeof RELAYED_SERVICES)[number];

export type GatewayTarget = WebTarget | RelayedService;

const MAX_PORT = 65_535;

export function isRelayed(target: string | number): target is RelayedService {
  return RELAYED_SERVICES.some((one) => one === target);
}

export function targetText(target: GatewayTarget): string {
  return String(target);
}

/** Null for what is neither. */
export function targetOf(text: string): WebTarget | null {
  const service = WEB_SERVICES.find((one) => one === text);
  if (service !== undefined) return service;
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= MAX_PORT ? Number(text) : null;
}

/** Where it listens inside the container; null for the terminal, which the gateway serves itself. */
export function portOf(target: WebTarget): number | null {
  switch (target) {
    case "jupyter":
      return 8888;
    case "tensorboard":
      return 6006;
    case "terminal":
      return null;
  }
  return target;
}
