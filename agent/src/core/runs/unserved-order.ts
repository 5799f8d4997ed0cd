/**
 * Orders that this agent does not carry out, since they say what only a later one understands or does. Nothing of them is
 * started; what runs of them runs on, and their stops and removals are followed, which takes nothing but their names.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { worded, type Worded } from "@remotegpu/shared/reasons/host-reports/statement";
import { featuresFor, UPGRADE_FEATURE, whatLacks, type Feature } from "@remotegpu/shared/instance/features";
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
export function agentFeatures({
  joinsGangs,
  upgradesItself = false,
}: {
  joinsGangs: boolean;
  upgradesItself?: boolean;
}): readonly Feature[] {
  return [
    ...FEATURES_EVERYWHERE,
    ...(joinsGangs ? (["gangs"] as const) : []),
    ...(upgradesItself ? ([UPGRADE_FEATURE] as const) : []),
  ];
}

/** With the reason. */
export type UnservedOrder = BareOrder & Worded;

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
    sorted.unserved.push({
      ...order,
      ...worded({ code: "agent-does-not-understand", params: { member: why } }),
    });
  for (const order of understood) {
    const lacking = lackingFor(order, served);
    if (lacking === undefined) sorted.desired.push(order);
    else sorted.unserved.push({ ...order, ...worded(lacks(lacking)) });
  }
  return sorted;
}

function lackingFor(order: DesiredInstance, served: readonly Feature[]): Feature | undefined {
  return featuresFor(order).find((feature) => !served.includes(feature));
}

/** A host without the programs for it may have the newest agent. */
function lacks(feature: Feature): HostReason {
  const params = { feature, cannot: whatLacks(feature) };
  return { code: feature === "gangs" ? "host-cannot" : "agent-cannot", params };
}
