/** A workload on its way from one status to the next, whatever its kind. */
import type { EndCause } from "../alerts/work-messages.ts";
import type { Reason } from "../reasons/reason.ts";
import type { RetryState, Tries } from "../training/retries.ts";

/** Held by the transaction. */
export interface LockedWorkload<Status extends string> {
  id: string;
  status: Status;
  customerId: number;
  /** Until when its status may last; null for ever. */
  deadlineAt: Date | null;
  /** The state of retries, for kinds that are retried by themselves. */
  retry?: RetryState;
  /** It is to be ended, as failed by itself, when it does nothing any more. */
  endsWhenStalled?: boolean;
}

export interface WorkloadMove<Status extends string> {
  workload: LockedWorkload<Status>;
  to: Status;
  /** Null where there is nothing to say. */
  reason: Reason | null;
  actor: string;
  now: Date;
  /** Where it is being placed, or was. */
  hostId?: string | null;
  /** The cause of an end: who ordered it and how it ended. */
  cause?: EndCause;
  /** Somebody does not want it any more: whatever becomes of it, nothing of it is tried again. */
  cancels?: boolean;
  /** Another attempt begins. */
  tries?: Tries;
  /** How long the status may last, where that is not the kind's own bound. */
  limitMs?: number;
}

/** Another reason while the status is still that one. */
export interface Explanation<Status extends string> {
  id: string;
  status: Status;
  reason: Reason | null;
}
