/**
 * Orders that this agent does not carry out, since they say what only a later one understands or does. Nothing of them is
 * started; what runs of them runs on, and their stops and removals are followed, which takes nothing but their names.
 */
import { featuresFor, whatLacks, type Feature } from "@remotegpu/shared/features";
import type { BareOrder, DesiredInstance } from "@remotegpu/shared/instance";

/** What this agent does beyond the protocol's first form, as its heartbeats announce it. */
export const AGENT_FEATURES = [
  "image-fetches",
  "restarts-never",
  "shm",
  "image-entrypoint",
  "image-id",
  "long-stops",
  "ssh",
  "web",
  "service-logs",
  "rdp",
  "views",
] as const satisfies readonly Feature[];

/** With the sentence that says why. */
export type UnservedOrder = BareOrder & { detail: string };

export type SortedOrders = { desired: DesiredInstance[]; unserved: UnservedOrder[] };

/** @param notUnderstood with the member of each that this agent does not understand */
export function sortedOrders(
  understood: readonly DesiredInstance[],
  notUnderstood: readonly (BareOrder & { why: string })[],
): SortedOrders {
  const sorted: SortedOrders = { desired: [], unserved: [] };
  for (const { why, ...order } of notUnderstood)
    sorted.unserved.push({ ...order, detail: tooOld(`it does not understand ${why}`) });
  for (const order of understood) {
    const lacking = lackingFor(order);
    if (lacking === undefined) sorted.desired.push(order);
    else sorted.unserved.push({ ...order, detail: tooOld(`it cannot ${whatLacks(lacking)}`) });
  }
  return sorted;
}

function lackingFor(order: DesiredInstance): Feature | undefined {
  const served: readonly Feature[] = AGENT_FEATURES;
  return featuresFor(order).find((feature) => !served.includes(feature));
}

function tooOld(why: string): string {
  return `The agent of this host is too old for this order: ${why}.`;
}
