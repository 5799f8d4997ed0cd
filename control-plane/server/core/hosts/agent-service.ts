/**
 * How far an agent of another version is served. One that speaks a protocol of ours, and is at most one release behind or
 * ahead, is served in full. Any other is kept: what runs there runs on, is metered, confirmed and stopped as ordered, for
 * that much every version understands; nothing new is placed there until the agent, or this control plane, is upgraded.
 * One that is too old even for that promise is refused new work with an alarm, and metered all the same.
 */

import { agreedProtocol, type ProtocolRange } from "@remotegpu/shared/messages/agreed-protocol";
import type { Reason } from "../reasons/reason.ts";
import { releasesBehind } from "./upgrades/agent-skew.ts";

/** Releases that an agent may be behind or ahead and be served in full. */
const FULL_RELEASES = 1;
/** Releases that an agent may be behind and be kept. */
const KEPT_RELEASES = 4;

export interface SpokenVersion {
  /** Null for a host that was never heard, which is not the agent's fault. */
  protocol: ProtocolRange | null;
  /** Of the agent's program, as `0.2.0`. */
  version: string | null;
}

export interface OwnVersion {
  protocol: ProtocolRange;
  version: string;
}

export type AgentService = { mode: "full" } | { mode: "keep" | "refused"; why: Reason };

export function agentService(agent: SpokenVersion, ours: OwnVersion): AgentService {
  if (agent.protocol === null) return { mode: "full" };
  return byProtocol(agent.protocol, ours.protocol) ?? byRelease(agent.version, ours.version);
}

function byProtocol(agent: ProtocolRange, ours: ProtocolRange): AgentService | null {
  if (agreedProtocol(ours, agent) !== null) return null;
  const params = { agent_protocols: rangeText(agent), own_protocols: rangeText(ours) };
  return { mode: "keep", why: { code: agent.max < ours.min ? "agent-too-old" : "agent-too-new", params } };
}

/** A version that is no release's is served by its protocol alone. */
function byRelease(agentVersion: string | null, ownVersion: string): AgentService {
  const behind = releasesBehind(agentVersion, ownVersion);
  if (agentVersion === null || behind === null || Math.abs(behind) <= FULL_RELEASES) return { mode: "full" };
  const params = { agent_version: agentVersion, own_version: ownVersion };
  if (behind < 0) return { mode: "keep", why: { code: "agent-release-too-new", params } };
  return behind > KEPT_RELEASES
    ? { mode: "refused", why: { code: "agent-release-unsupported", params } }
    : { mode: "keep", why: { code: "agent-release-too-old", params } };
}

function rangeText({ min, max }: ProtocolRange): string {
  return min === max ? `${min}` : `${min} to ${max}`;
}
