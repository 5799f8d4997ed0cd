/**
 * From which registries images may be fetched: the operator's list, and what it says of a reference or a registry's
 * name. Hosts fetch from their own network, so a name is believed only as far as it must lead outside: addresses and
 * names that mean something only inside need the operator's word. Where a name really leads is for the host to see.
 */
import { DEFAULT_REGISTRY, registryOf } from "@remotegpu/shared/image-name";
import { isInnerName } from "@remotegpu/shared/inner-name";
import type { Reason } from "../../reasons/reason.ts";

export interface RegistryList {
  /** Every registry that has a name out there. */
  any: boolean;
  /** By name, `HOST` or `HOST:PORT`. */
  named: ReadonlyMap<string, { mayBePrivate: boolean }>;
}

export type RegistryVerdict =
  | {
      mayBeUsed: true;
      /** Null for an image id, which no registry is asked for. */
      registry: string | null;
      mayBePrivate: boolean;
    }
  /** The reason names which ones may be used. */
  | { mayBeUsed: false; why: Reason };

/** Open to everybody who has an account there, and known for what they keep. */
export const PUBLIC_REGISTRIES = [
  DEFAULT_REGISTRY,
  "ghcr.io",
  "quay.io",
  "gcr.io",
  "nvcr.io",
  "registry.k8s.io",
  "public.ecr.aws",
  "mcr.microsoft.com",
  "registry.gitlab.com",
  "registry.access.redhat.com",
  "cgr.dev",
] as const;

const MAX_REGISTRIES = 100;
const MAX_NAME_LENGTH = 253;
const PRIVATE_MARK = "=private";
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** What resolvers take for a part of an address, in whichever base: with such an end the whole name is one. */
const NUMBER = /^(\d+|0x[0-9a-f]*)$/;
const IPV4 = /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}$/;
/** Null for a list that nobody can read. */
export function readRegistryList(value: string): RegistryList | null {
  if (value === "any") return { any: true, named: new Map() };
  const named = new Map<string, { mayBePrivate: boolean }>();
  for (const entry of value.split(",")) {
    const text = entry.trim().toLowerCase();
    const mayBePrivate = text.endsWith(PRIVATE_MARK);
    const name = mayBePrivate ? text.slice(0, -PRIVATE_MARK.length) : text;
    const registry = registryName(name);
    if (registry === null || named.has(registry) || named.size === MAX_REGISTRIES) return null;
    if (!mayBePrivate && insideBecause(registry) !== null) return null;
    named.set(registry, { mayBePrivate });
  }
  return { any: false, named };
}

/** The name as references say it, `docker.io` by whichever of its names; null for what no reference could name. */
export function registryName(text: string): string | null {
  const { host, port } = partsOf(text.toLowerCase());
  if (!isHost(host) || !isPort(port)) return null;
  const registry = registryOf(`${text}/image`);
  // A single word before the slash is no registry but a folder of the default one.
  return registry === DEFAULT_REGISTRY && !host.includes(".") ? null : registry;
}

/** Whether images of this reference may be used, unless it is on offer: what the operator offers, anybody may use. */
export function imageVerdict(list: RegistryList, reference: string): RegistryVerdict {
  const registry = registryOf(reference);
  if (registry === null) return { mayBeUsed: true, registry: null, mayBePrivate: false };
  return registryVerdict(list, registry);
}

/** @param registry as a reference or registryName says it */
export function registryVerdict(list: RegistryList, registry: string): RegistryVerdict {
  const named = list.named.get(registry);
  if (named !== undefined) return { mayBeUsed: true, registry, mayBePrivate: named.mayBePrivate };
  if (!list.any) {
    const allowed = { names: [...list.named.keys()], more: 0 };
    return { mayBeUsed: false, why: { code: "registry-not-listed", params: { registry, allowed } } };
  }
  const why = registryName(registry) === null ? MALFORMED : insideBecause(registry);
  if (why === null) return { mayBeUsed: true, registry, mayBePrivate: false };
  return { mayBeUsed: false, why: { code: "registry-not-public", params: { registry, why } } };
}

const MALFORMED: Reason = { code: "registry-name-malformed", params: {} };

/** Why a name leads, or may lead, where only the operator may send a host; null where it does not. */
function insideBecause(registry: string): Reason | null {
  const { host } = partsOf(registry);
  if (!isInnerName(host)) return null;
  if (host === "localhost") return { code: "registry-is-host", params: {} };
  const isAddress = NUMBER.test(host.split(".").at(-1) ?? "");
  return { code: isAddress ? "registry-is-address" : "registry-is-inner", params: {} };
}

function isHost(host: string): boolean {
  const labels = host.split(".");
  if (host.length > MAX_NAME_LENGTH || !labels.every((label) => LABEL.test(label))) return false;
  // Of the spellings of an address only the plain one is the same everywhere.
  return NUMBER.test(labels.at(-1) ?? "") ? IPV4.test(host) : true;
}

function isPort(port: string | null): boolean {
  return port === null || (/^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535);
}

function partsOf(registry: string): { host: string; port: string | null } {
  const at = registry.indexOf(":");
  return at === -1
    ? { host: registry, port: null }
    : { host: registry.slice(0, at), port: registry.slice(at + 1) };
}
