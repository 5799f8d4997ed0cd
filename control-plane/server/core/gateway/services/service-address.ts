/**
 * Where inference services lie at gateways: each below a path of the gateway's own origin, for life, and below a name of
 * its own where the operator has a domain for that. Made here and read here.
 */
import type { WebBase } from "../origin.ts";

const PATH = /^\/services\/([A-Za-z0-9_-]{1,64})(?=[/?]|$)/;
const ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export interface ServiceAddress {
  id: string;
  /** As the replica is to be asked. */
  path: string;
  /** What was taken off it; null below a name of the service's own. */
  prefix: string | null;
}

/** The address in a request whose Host is the gateway's own; null where that is another path. */
export function readServicePath(path: string): ServiceAddress | null {
  const [prefix, id] = PATH.exec(path) ?? [];
  if (prefix === undefined || id === undefined) return null;
  const rest = path.slice(prefix.length);
  return { id, prefix, path: rest.startsWith("/") ? rest : `/${rest}` };
}

/** Null for a Host that is none of `domain`'s: "services.example.com", with the port where it is not the scheme's own. */
export function readServiceHost(domain: WebBase | null, host: string, path: string): ServiceAddress | null {
  if (domain === null) return null;
  const own = domain.scheme === "https" ? /:443$/ : /:80$/;
  const requested = host.toLowerCase().replace(own, "");
  if (!requested.endsWith(`.${domain.domain}`)) return null;
  const id = requested.slice(0, -domain.domain.length - 1);
  return ID.test(id) ? { id, path, prefix: null } : null;
}

/** @param base origin of the gateway: "https://web.example.com" */
export function endpointUrl(base: string, id: string): string {
  return `${base}/services/${id}/`;
}

/** Null for an id that cannot stand in a name. */
export function domainUrl({ scheme, domain }: WebBase, id: string): string | null {
  return ID.test(id) ? `${scheme}://${id}.${domain}/` : null;
}
