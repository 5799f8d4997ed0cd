/**
 * What webhooks are told of a training job: that an attempt of it runs, does nothing any more or goes on, that it has
 * ended, how and by whom, and that another attempt follows. Who is told is the store's.
 */
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import { because, type EndCause, type WorkMessage } from "./work-messages.ts";

export interface JobMove {
  to: TrainingJobStatus;
  reason: string | null;
  cause: EndCause;
  /** The number of the attempt that stands or ended. */
  attempt: number;
  /** The number of the attempt that follows; null where none does. */
  nextAttempt: number | null;
}

/** Null where a move is not told: it is on its way to one that is. */
export function jobMessage({ to, reason, cause, attempt, nextAttempt }: JobMove): WorkMessage | null {
  const facts = { attempt, by: cause.by, reason, exit_code: cause.exitCode };
  if (nextAttempt !== null)
    return {
      kind: "job-retried",
      state: "fired",
      text: because("is tried again", reason),
      facts: { ...facts, next_attempt: nextAttempt },
    };
  switch (to) {
    case "running":
      return { kind: "job-started", state: "fired", text: "is running.", facts: { attempt } };
    case "completed":
      return ended("is completed.", { status: to, ...facts });
    case "failed":
      return ended(because("has failed", reason), { status: to, ...facts });
    case "cancelled":
      return ended(because("is cancelled", reason), { status: to, ...facts });
    case "pending":
    case "queued":
    case "stopping":
      return null;
  }
}

/** @param found with what its processes wait for */
export function stallMessage(found: string, attempt: number): WorkMessage {
  return {
    kind: "job-stalled",
    state: "fired",
    text: `seems to hang. ${found}`,
    facts: { attempt, reason: found },
  };
}

export function stallEndMessage(attempt: number): WorkMessage {
  return { kind: "job-stalled", state: "recovered", text: "does something again.", facts: { attempt } };
}

function ended(text: string, facts: WorkMessage["facts"]): WorkMessage {
  return { kind: "job-ended", state: "fired", text, facts };
}
