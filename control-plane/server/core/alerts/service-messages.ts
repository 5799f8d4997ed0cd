/**
 * What webhooks are told of an inference service: that it answers, has failed or has stopped, that another
 * number of its replicas is wanted, and how a rollout ended. Who is told is the store's.
 */
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import { inEnglish } from "../reasons/english/english.ts";
import type { Reason } from "../reasons/reason.ts";
import { because, type EndCause, type WorkMessage } from "./work-messages.ts";

/** Null where a move is not told: it is on its way to one that is. */
export function serviceStatusMessage(
  to: InferenceServiceStatus,
  reason: string | null,
  { by }: EndCause,
): WorkMessage | null {
  switch (to) {
    case "running":
      return { kind: "service-serving", state: "fired", text: "answers requests.", facts: {} };
    case "error":
      return {
        kind: "service-failed",
        state: "fired",
        text: because("has failed", reason),
        facts: { by, reason },
      };
    case "stopped":
      return {
        kind: "service-stopped",
        state: "fired",
        text: because("has stopped", reason),
        facts: { by, reason },
      };
    case "creating":
    case "stopping":
      return null;
  }
}

export interface RolloutEnd {
  outcome: "completed" | "reverted";
  /** Null where there is nothing to report beyond that. */
  reported: Reason | null;
  /** The revision that it was to go to, and the one that serves now. */
  target: number;
  serving: number;
  /** Why it went back. */
  cause: Reason | null;
}

export function rolloutMessage({ outcome, reported, target, serving, cause }: RolloutEnd): WorkMessage {
  const text = outcome === "completed" ? "has gone over to another version." : "stays at the version before.";
  return {
    kind: "service-rollout",
    state: "fired",
    text: reported === null ? text : `${text} ${inEnglish(reported)}`,
    facts: { outcome, revision: target, serving_revision: serving, reason: cause && inEnglish(cause) },
    reason: cause,
  };
}

export function scalingMessage({ from, to, why }: { from: number; to: number; why: Reason }): WorkMessage {
  const reason = inEnglish(why);
  return {
    kind: "service-scaled",
    state: "fired",
    text: `has ${to} replicas from now on, in place of ${from}. ${reason}`,
    facts: { from, to, reason },
  };
}
