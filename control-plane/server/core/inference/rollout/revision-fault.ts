/**
 * Whether a new revision is to be taken back: its replicas do not get to serve, or what they answer is worse than what the
 * old one's do. How long an image may be fetched and checks may fail is decided for each replica, which then has a fault.
 */
import type { Reason } from "../../reasons/reason.ts";
import { ofRevision, type ReplicaFault, type RevisionReplica, servingOf } from "./revision-replicas.ts";

/** So many faults condemn a revision of which replicas serve: one may have had a bad host. */
const MAX_FAULTS = 3;
/** Fewer answers than these say nothing. */
export const ENOUGH_ANSWERS = 50;
/** So much larger a share of answers of 500 and above is worse. */
const WORSE_BY = 0.05;
/** A quotient may be off in its last digit. */
const ROUNDING = 1e-9;

export interface Answers {
  requests: number;
  /** The failed ones among them: those of status 500 and above. */
  failed: number;
}

export interface Trial {
  target: number;
  serving: number;
  replicas: readonly RevisionReplica[];
  /** Since the rollout began; what a replica answered, not what was answered in its place. */
  answers: ReadonlyMap<number, Answers>;
}

/** Null while there is nothing against it. */
export function revisionFault({ target, serving, replicas, answers }: Trial): Reason | null {
  const faults = ofRevision(replicas, target).flatMap(({ fault }) => fault ?? []);
  return (
    faultOfReplicas(faults, servingOf(replicas, target).length) ??
    faultOfAnswers(answers.get(target), answers.get(serving))
  );
}

function faultOfReplicas(faults: readonly ReplicaFault[], serving: number): Reason | null {
  const hopeless = faults.find(({ isHopeless }) => isHopeless);
  if (hopeless !== undefined && serving === 0) return hopeless.why;
  const last = faults.at(-1);
  if (last === undefined || faults.length < MAX_FAULTS) return null;
  return { code: "replica-fault-number", params: { why: last.why, fault: faults.length } };
}

function faultOfAnswers(answers: Answers | undefined, before: Answers | undefined): Reason | null {
  if (answers === undefined || answers.requests < ENOUGH_ANSWERS) return null;
  const share = shareOf(answers);
  const shareBefore = before === undefined ? 0 : shareOf(before);
  if (share - shareBefore < WORSE_BY - ROUNDING) return null;
  const { requests } = answers;
  return {
    code: "answers-worse",
    params: { percent: percent(share), requests, old_percent: percent(shareBefore) },
  };
}

function shareOf({ requests, failed }: Answers): number {
  return requests === 0 ? 0 : failed / requests;
}

/** Nobody reads more than one digit of a fraction. */
function percent(share: number): number {
  return Math.round(share * 1_000) / 10;
}
