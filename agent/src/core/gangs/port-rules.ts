/**
 * Who may speak to this host's port of gang networks: the other hosts of its gangs, and nobody else, since whoever may is
 * within them. Rules are as iptables prints them, without the leading `-A`. Pure.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { HostGang } from "./gang-plan.ts";

/** Shared by all agents of a machine: what one lets in, no other shuts out. */
export const PORT_CHAIN = "REMOTEGPU-GANGS";
/** The jump of all agents, which brings packets to their chain. */
export const PORT_JUMP = `INPUT -p udp -j ${PORT_CHAIN}`;

/** All gangs' ranks: what they say to each other is passed on within a bridge, where it is asked about, too. */
const RANKS = "10.224.0.0/12";

type Rule = { text: string; comes: "first" | "last" };

/** @param forwardChain is asked before a packet is passed on; a table other than filter stands before it: `mangle/FORWARD` */
export function portRules(
  gangs: readonly HostGang[],
  { hostId, forwardChain }: { hostId: HostId; forwardChain: string },
): Rule[] {
  const rules = new Map<string, Rule>();
  const add = (text: string, comes: Rule["comes"]) => rules.set(text, { text, comes });
  for (const { udpPort, peers } of gangs) {
    const port = `-p udp -m udp --dport ${udpPort} -m comment --comment ${mark(hostId)}`;
    for (const { host } of peers) add(`${PORT_CHAIN} -s ${host}/32 ${port} -j ACCEPT`, "first");
    // A container's packet would arrive there as this host's own, and be taken for the gang's; whichever of its
    // addresses that host is sent it at.
    if (peers.length > 0) add(`${forwardChain} ! -d ${RANKS} ${port} -j DROP`, "first");
    if (peers.length > 0) add(`${PORT_CHAIN} ${port} -j DROP`, "last");
  }
  return [...rules.values()];
}

/** This agent's rules among the lines that iptables prints. */
export function ownPortRules(listing: readonly string[], hostId: HostId): string[] {
  return listing
    .filter((line) => line.startsWith("-A ") && `${line} `.includes(` --comment ${mark(hostId)} `))
    .map((line) => line.slice("-A ".length));
}

function mark(hostId: HostId): string {
  return `remotegpu-${hostId}`;
}
