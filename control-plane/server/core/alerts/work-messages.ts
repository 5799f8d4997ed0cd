/**
 * What webhooks are told of an environment (of jobs: job-messages.ts), in words and facts: that it is ready, failed, stopped and why, that its
 * container ends again and again, that its host is drained, that a port of it is about to go. Who is told is the store's.
 */
import { restartingText } from "@remotegpu/shared/instance/restarting-text";
import { asSentence } from "@remotegpu/shared/values/sentence";
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import { type Drain, drainWarning } from "../hosts/drain.ts";
import type { StopActor } from "../instances/instance-report.ts";
import type { WorkKind } from "./webhook-kinds.ts";
import { inEnglish } from "../reasons/english/english.ts";
import type { Reason } from "../reasons/reason.ts";

export interface WorkMessage {
  readonly kind: WorkKind;
  /** As alerts have it. What happens once has only fired. */
  readonly state: "fired" | "recovered";
  /** What follows "Environment NAME" or "Training job NAME". */
  readonly text: string;
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
  /** The `reason` of its facts, where that is another than its event's. */
  readonly reason?: Reason | null;
}

/** Who ended it; null where it ended by itself or failed. */
export interface EndCause {
  readonly by: StopActor | null;
  readonly exitCode: number | null;
}

/** Null where a move to this status is not told: it is on its way to one that is, or being deleted. */
export function statusMessage(
  to: EnvironmentStatus,
  reason: string | null,
  cause: EndCause,
): WorkMessage | null {
  const facts = { by: cause.by, reason, exit_code: cause.exitCode };
  switch (to) {
    case "running":
      return { kind: "ready", state: "fired", text: "is ready.", facts: {} };
    case "error":
      return { kind: "failed", state: "fired", text: because("has failed", reason), facts };
    case "stopped":
      return {
        kind: "stopped",
        state: "fired",
        text: because("has stopped", reason ?? orderOf(cause)),
        facts,
      };
    case "queued":
    case "creating":
    case "stopping":
    case "restarting":
    case "deleting":
      return null;
  }
}

export function because(what: string, reason: string | null): string {
  return asSentence(reason === null ? what : `${what}: ${reason}`);
}

function orderOf({ by }: EndCause): string | null {
  return by === "customer" ? "as it was ordered." : null;
}

/** How often a run's container ended and was started again, and how it ended before the last time. */
export interface Restarts {
  readonly count: number;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly out_of_memory: boolean;
}

export function crashLoopMessage(restarts: Restarts): WorkMessage {
  return {
    kind: "restarting",
    state: "fired",
    text: `is ${restartingText({
      count: restarts.count,
      exitCode: restarts.exit_code,
      outOfMemory: restarts.out_of_memory,
    })}.`,
    facts: factsOf(restarts),
  };
}

/** The reason of the event that the loop is over. */
export function restartsOver({ count: restarts }: Restarts, hasRunEnded: boolean): Reason {
  return hasRunEnded
    ? { code: "restarts-over-with-run", params: { restarts } }
    : { code: "restarts-over", params: { restarts } };
}

/** The loop is over: calm has come, or the run has ended, of which another message tells. */
export function crashLoopEndMessage(restarts: Restarts, hasRunEnded: boolean): WorkMessage {
  return {
    kind: "restarting",
    state: "recovered",
    text: inEnglish(restartsOver(restarts, hasRunEnded)).replace(/^It /, ""),
    facts: { ...factsOf(restarts), run_ended: hasRunEnded },
  };
}

function factsOf({ count, ...how }: Restarts): WorkMessage["facts"] {
  return { restarts: count, exit_code: how.exit_code, signal: how.signal, out_of_memory: how.out_of_memory };
}

export function drainMessage(host: { id: string; name: string }, drain: Drain): WorkMessage {
  const text = `is on a host that is drained. ${inEnglish(drainWarning(host.name, drain))}`;
  return { kind: "drained", state: "fired", text, facts: drainFacts(host, drain) };
}

export function drainCancelledMessage(host: { id: string; name: string }, drain: Drain): WorkMessage {
  const text = `goes on: host ${host.name} is not drained after all.`;
  return { kind: "drained", state: "recovered", text, facts: drainFacts(host, drain) };
}

function drainFacts(host: { id: string; name: string }, { reason, deadline }: Drain): WorkMessage["facts"] {
  return { host_id: host.id, host_name: host.name, reason, deadline: deadline?.toISOString() ?? null };
}

/** @param lease.releaseAt as its host says it, by its wall clock */
export function leaseMessage(lease: {
  service: string;
  internalPort: number;
  externalPort: number | null;
  releaseAt: string;
}): WorkMessage {
  const port = lease.externalPort === null ? "its port" : `port ${lease.externalPort}`;
  return {
    kind: "lease-due",
    state: "fired",
    text: `loses ${port} (${lease.service}) at ${lease.releaseAt} unless somebody connects.`,
    facts: {
      service: lease.service,
      internal_port: lease.internalPort,
      external_port: lease.externalPort,
      release_at: lease.releaseAt,
    },
  };
}
