/**
 * How a service goes from one revision to another, or back: how many replicas of each there are to be now, and when it is
 * done. Level-triggered: it looks at all replicas as they stand, so that it may be killed and asked again at any step.
 * What serves never falls below what is wanted, but for the one replica less that people may allow.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Reason } from "../../reasons/reason.ts";
import { type Answers, ENOUGH_ANSWERS, revisionFault } from "./revision-fault.ts";
import { lackOf, ofRevision, present, type RevisionReplica, servingOf } from "./revision-replicas.ts";
import { completedSentence, progressSentence, revertedSentence } from "./rollout-words.ts";
import type { Rollout, Versions } from "./versions.ts";

/** So many replicas more than are wanted there may be, drained ones aside. */
const SURGE = 1;
/** The first of a revision serves for so long, or answers enough, before any other goes for it. */
const TRIAL_MS = 15 * MS_PER_SECOND;

export interface RolloutState {
  versions: Versions;
  /** Replicas of all revisions together. */
  wanted: number;
  /** Those of the target that failed since the rollout began are among them. */
  replicas: readonly RevisionReplica[];
  /** Since the rollout began; what replicas of each revision answered, not what was answered in their place. */
  answers: ReadonlyMap<number, Answers>;
  /** What people call each revision. */
  names: ReadonlyMap<number, string>;
}

export interface RolloutStep {
  versions: Versions;
  /** Replicas of each revision. Of those that are missing none is wanted. */
  wanted: ReadonlyMap<number, number>;
  /** What stands with the service; null where there is nothing to tell. */
  sentence: Reason | null;
  /** With this step it goes back for it, or went. */
  cause: Reason | null;
  /** With this step it is over. */
  ended: "completed" | "reverted" | null;
}

/** What is wanted goes with the versions into one transaction, so that no step is done by halves. */
export function rolloutStep(state: RolloutState): RolloutStep {
  const { versions } = state;
  const { serving, rollout } = versions;
  if (rollout === null)
    return { versions, wanted: wantedBack(state), sentence: null, cause: null, ended: null };
  const cause = rollout.cause ?? revisionFault({ ...state, serving, target: rollout.target });
  return cause === null
    ? goForward(state, rollout)
    : goBack(state, { ...rollout, cause, gapFrom: null }, cause);
}

function goForward(state: RolloutState, rollout: Rollout): RolloutStep {
  const { versions, wanted, replicas } = state;
  const { target, allowsGap } = rollout;
  const counted = isTried(state, target) ? servingOf(replicas, target).length : 0;
  const lack = lackOf(replicas, target);
  // Where there is no room for as many as are wanted, those that there is room for are all of it.
  const isWhole = counted >= wanted || lack !== null;
  if (counted > 0 && isWhole && othersOf(replicas, target).length === 0)
    return {
      versions: { serving: target, previous: versions.serving, rollout: null },
      wanted: new Map([[target, wanted]]),
      sentence: completedSentence(state, target),
      cause: null,
      ended: "completed",
    };
  const needsGap = allowsGap && lack !== null;
  const going = { ...rollout, gapFrom: rollout.gapFrom ?? (needsGap ? placedOf(replicas) : null) };
  return {
    versions: { ...versions, rollout: going },
    wanted: wantedForward(state, going, counted),
    sentence: progressSentence(state, going, { counted, lack }),
    cause: null,
    ended: null,
  };
}

/** Whether its first replica has shown that it can serve. */
function isTried({ replicas, answers }: RolloutState, target: number): boolean {
  const isLong = servingOf(replicas, target).some(({ phaseForMs }) => phaseForMs >= TRIAL_MS);
  return isLong || (answers.get(target)?.requests ?? 0) >= ENOUGH_ANSWERS;
}

/** Each replica of the target that counts is one less of the others. */
function wantedForward(
  { versions: { serving }, wanted, replicas }: RolloutState,
  { target, gapFrom }: Rollout,
  counted: number,
): Map<number, number> {
  const others = othersOf(replicas, target);
  // Nothing of the old is left, so nothing new is made of it: a service that grows now grows by its target.
  if (others.length === 0 && counted > 0) return new Map([[target, wanted]]);
  const promised = gapFrom === null ? wanted : Math.min(wanted, gapFrom) - 1;
  const split = splitOf(others, Math.max(0, promised - counted), serving);
  // One of the target that serves stays, also where it does not count yet.
  return split.set(target, Math.min(wanted, Math.max(servingOf(replicas, target).length, counted + SURGE)));
}

/** Whoever waits for room makes none. */
function placedOf(replicas: readonly RevisionReplica[]): number {
  return present(replicas).filter(({ phase }) => phase !== "waiting").length;
}

/** What still serves is kept; what does not is of the revision that people know to work. */
function splitOf(others: readonly RevisionReplica[], left: number, known: number): Map<number, number> {
  const split = storedOf(others, left, known);
  const stored = [...split.values()].reduce((sum, replicas) => sum + replicas, 0);
  return split.set(known, (split.get(known) ?? 0) + left - stored);
}

function goBack(state: RolloutState, rollout: Rollout, cause: Reason): RolloutStep {
  const { versions, replicas } = state;
  const { serving } = versions;
  const hasEnded = othersOf(replicas, serving).length === 0;
  return {
    versions: { ...versions, rollout: hasEnded ? null : rollout },
    wanted: wantedBack(state),
    sentence: revertedSentence(state, { target: rollout.target, cause, hasEnded }),
    cause,
    ended: hasEnded ? "reverted" : null,
  };
}

/** All of what serves, at once, and of the others those that still stand in for it. */
function wantedBack({ versions: { serving, rollout }, wanted, replicas }: RolloutState): Map<number, number> {
  // Where the old one finds no room, one of those that are not good enough makes it.
  const makesRoom = rollout !== null && lackOf(replicas, serving) !== null;
  const left = Math.max(0, wanted - servingOf(replicas, serving).length - (makesRoom ? 1 : 0));
  return storedOf(othersOf(replicas, serving), left, serving).set(serving, wanted);
}

/** The replicas that serve and are kept, as many as are left, the known revision's first. */
function storedOf(others: readonly RevisionReplica[], left: number, known: number): Map<number, number> {
  const revisions = [...new Set(others.map(({ revision }) => revision))].toSorted(
    (one, other) => Number(other === known) - Number(one === known) || other - one,
  );
  const stored = new Map<number, number>();
  let open = left;
  for (const revision of revisions) {
    const keeps = Math.min(open, servingOf(others, revision).length);
    if (keeps > 0) stored.set(revision, keeps);
    open -= keeps;
  }
  return stored;
}

function othersOf(replicas: readonly RevisionReplica[], revision: number): RevisionReplica[] {
  const own = new Set(ofRevision(replicas, revision));
  return present(replicas).filter((replica) => !own.has(replica));
}
