/**
 * Orders that this agent does not carry out, since they say what only a later one understands or does. Nothing of them is
 * started; what runs of them runs on, and their stops and removals are followed, which takes nothing but their names.
 */
import { featuresFor, whatLacks, type Feature } from "@remotegpu/shared/instance/features";
import type { BareOrder, DesiredInstance } from "@remotegpu/shared/instance/instance";

/** What every agent of this version does beyond the protocol's first form. */
const FEATURES_EVERYWHERE = [
  "image-fetches",
  "restarts-never",
  "shm",
  "image-entrypoint",
  "image-id",
  "long-stops",
  "probes",
  "drains",
  "ssh",
  "web",
  "service-logs",
  "rdp",
  "views",
  "code",
  "launch",
  "pool-proof",
] as const satisfies readonly Feature[];

/** What this agent does on its host, as its heartbeats announce it. */
export function agentFeatures({ joinsGangs }: { joinsGangs: boolean }): readonly Feature[] {
  return joinsGangs ? [...FEATURES_EVERYWHERE, "gangs"] : FEATURES_EVERYWHERE;
}

/** With the sentence that says why. */
export type UnservedOrder = BareOrder & { detail: string };

export type SortedOrders = { desired: DesiredInstance[]; unserved: UnservedOrder[] };

/**
 * @param notUnderstood with the member of each that this agent does not understand
 * @param served what it does on this host
 */
export function sortedOrders(
  understood: readonly DesiredInstance[],
  notUnderstood: readonly (BareOrder & { why: string })[],
  served: readonly Feature[],
): SortedOrders {
  const sorted: SortedOrders = { desired: [], unserved: [] };
  for (const { why, ...order } of notUnderstood)
    sorted.unserved.push({ ...order, detail: tooOld(`it does not understand ${why}`) });
  for (const order of understood) {
    const lacking = lackingFor(order, served);
    if (lacking === undefined) sorted.desired.push(order);
    else sorted.unserved.push({ ...order, detail: lacks(lacking) });
  }
  return sorted;
}

function lackingFor(order: DesiredInstance, served: readonly Feature[]): Feature | undefined {
  return featuresFor(order).find((feature) => !served.includes(feature));
}

/** A host without the programs for it may have the newest agent. */
function lacks(feature: Feature): string {
  if (feature === "gangs") return `This host cannot ${whatLacks(feature)}, as its agent's log says.`;
  return tooOld(`it cannot ${whatLacks(feature)}`);
}

function tooOld(why: string): string {
  return `The agent of this host is too old for this order: ${why}.`;
}
