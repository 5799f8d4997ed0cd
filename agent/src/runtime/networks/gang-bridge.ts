/**
 * The bridge of a gang on this host: its name, and what is written on the runtime's network of it, so that any life of the
 * agent knows what the network was made for.
 */
import { z } from "zod";
import { GangNetwork } from "@remotegpu/shared/instance/gang-network";
import type { HostId } from "@remotegpu/shared/values/ids";
import { canonicalJson } from "@remotegpu/shared/proof/journal-row";
import type { HostGang } from "../../core/gangs/gang-plan.ts";

const LABEL = "remotegpu.gang";

/** `mtu` is null on a gang's only host. */
const Plan = z.object({ gang: GangNetwork.omit({ address: true }), mtu: z.int().positive().nullable() });
export type GangPlan = z.infer<typeof Plan>;

export function gangNetworkName(hostId: HostId, { id }: Pick<HostGang, "id">): string {
  return `rg-${hostId}-gang-${id}`;
}

export function planLabel(plan: GangPlan): Record<string, string> {
  return { [LABEL]: canonicalJson(plan) };
}

/** Null for a network of no gang, and for one whose label another agent wrote in another way. */
export function planOf(labels: Readonly<Record<string, string>> | null | undefined): GangPlan | null {
  const label = labels?.[LABEL];
  if (label === undefined) return null;
  try {
    return Plan.safeParse(JSON.parse(label)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export function isSameGang(one: HostGang, other: HostGang): boolean {
  return canonicalJson(one) === canonicalJson(other);
}
