/**
 * How far an agent of another version is served. One that speaks a protocol of ours is served in full. Any other is
 * kept: what runs there runs on, is metered, confirmed and stopped as ordered, for that much every version
 * understands; nothing new is placed there until the agent, or this control plane, is upgraded.
 */

import type { Reason } from "../reasons/reason.ts";

/** The first and the last version of the protocol that a side speaks. */
export interface ProtocolRange {
  min: number;
  max: number;
}

export type AgentService = { mode: "full" } | { mode: "keep"; why: Reason };

/** `agent` is null for a host that was never heard, which is not the agent's fault. */
export function agentService(agent: ProtocolRange | null, ours: ProtocolRange): AgentService {
  if (agent === null) return { mode: "full" };
  const params = { agent_protocols: rangeText(agent), own_protocols: rangeText(ours) };
  if (agent.max < ours.min) return { mode: "keep", why: { code: "agent-too-old", params } };
  if (agent.min > ours.max) return { mode: "keep", why: { code: "agent-too-new", params } };
  return { mode: "full" };
}

function rangeText({ min, max }: ProtocolRange): string {
  return min === max ? `${min}` : `${min} to ${max}`;
}
