/**
 * How far an agent of another version is served. One that speaks a protocol of ours is served in full. Any other is
 * kept: what runs there runs on, is metered, confirmed and stopped as ordered, for that much every version
 * understands; nothing new is placed there until the agent, or this control plane, is upgraded.
 */

/** The first and the last version of the protocol that a side speaks. */
export interface ProtocolRange {
  min: number;
  max: number;
}

export type AgentService = { mode: "full" } | { mode: "keep"; /** A phrase. */ why: string };

/** `agent` is null for a host that was never heard, which is not the agent's fault. */
export function agentService(agent: ProtocolRange | null, ours: ProtocolRange): AgentService {
  if (agent === null) return { mode: "full" };
  const spoken = `it speaks protocol ${rangeText(agent)}, this control plane ${rangeText(ours)}`;
  if (agent.max < ours.min) return { mode: "keep", why: `its agent is too old for new work: ${spoken}` };
  if (agent.min > ours.max) return { mode: "keep", why: `its agent is too new for new work: ${spoken}` };
  return { mode: "full" };
}

function rangeText({ min, max }: ProtocolRange): string {
  return min === max ? `${min}` : `${min} to ${max}`;
}
