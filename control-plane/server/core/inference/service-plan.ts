/**
 * What a service calls for as a whole: its rollout says how many replicas of each revision there are to be, and the rules
 * of replicas what is made and what goes for that. Both come of one look, so that no step is done by halves.
 */
import { fateOf, hasComeUp, isHopeless, isSilent, type Replica, serves, servesForMs } from "./replica.ts";
import { type Course, replicasPlan, type ReplicasPlan, type ServiceState } from "./replicas.ts";
import type { Answers } from "./rollout/revision-fault.ts";
import { type ReplicaFault, type RevisionReplica } from "./rollout/revision-replicas.ts";
import { rolloutStep, type RolloutStep } from "./rollout/rollout.ts";
import { nameOf } from "./rollout/rollout-words.ts";
import type { Versions } from "./rollout/versions.ts";
import type { Reason } from "../reasons/reason.ts";
import { isWanted } from "./wanted-replicas.ts";

export interface ServiceSight {
  state: ServiceState;
  versions: Versions;
  /** Those that it does without already among them, while they hold something. */
  replicas: readonly Replica[];
  /** The faults of replicas of the rollout's target that are done without since it began. */
  faults: readonly ReplicaFault[];
  /** Since the rollout began; what replicas of each revision answered. */
  answers: ReadonlyMap<number, Answers>;
  /** What people call each revision. */
  names: ReadonlyMap<number, string>;
}

export interface ServicePlan extends ReplicasPlan {
  versions: Versions;
  /** What there is to tell of the rollout, and why it goes back. */
  reported: Reason | null;
  cause: Reason | null;
  ended: RolloutStep["ended"];
}

/** A rollout of a service of which nothing is wanted stands still. */
export function servicePlan(sight: ServiceSight): ServicePlan {
  const { state, replicas, versions } = sight;
  if (!isWanted(state.status)) {
    const plan = replicasPlan(
      state,
      replicas,
      courseOf(sight, { wanted: new Map(), versions, sentence: null }),
    );
    return { ...plan, versions, reported: null, cause: null, ended: null };
  }
  const step = rolloutStep({ ...sight, wanted: state.wanted, replicas: asRevisionReplicas(sight) });
  // What failed of the version before says nothing of the one that has replaced it.
  const failures = step.ended === "completed" ? 0 : state.failures;
  const plan = replicasPlan({ ...state, failures }, replicas, courseOf(sight, step));
  return { ...plan, versions: step.versions, reported: step.sentence, cause: step.cause, ended: step.ended };
}

function courseOf(
  { names }: ServiceSight,
  { wanted, versions, sentence }: Pick<RolloutStep, "wanted" | "versions" | "sentence">,
): Course {
  const { serving, rollout } = versions;
  const isTrying = rollout !== null && rollout.cause === null;
  const next = isTrying ? rollout.target : serving;
  return {
    wanted,
    known: serving,
    isTrying,
    sentence,
    whySurplus: (revision) =>
      revision === next
        ? { code: "replicas-scaled-down", params: { replicas: wanted.get(revision) ?? 0 } }
        : { code: "replica-of-old-version", params: { version: nameOf({ names }, next) } },
  };
}

function asRevisionReplicas({ replicas, versions: { rollout }, faults }: ServiceSight): RevisionReplica[] {
  const past = faults.map((fault): RevisionReplica => {
    const revision = rollout?.target ?? 0;
    return { revision, phase: "starting", phaseForMs: 0, lacks: null, fault };
  });
  return [...past, ...replicas.flatMap((replica) => asRevisionReplica(replica) ?? [])];
}

/** Null for what a rollout need not know of: it holds a place on a silent host for who knows how long. */
function asRevisionReplica(replica: Replica): RevisionReplica | null {
  const { revision, place, isDismissed, drain, lacks } = replica;
  const of = { revision, lacks: null, fault: null, phaseForMs: place?.stateForMs ?? 0 };
  const goes = { ...of, phase: "draining" as const };
  if (isDismissed || drain !== null) return place === null || isSilent(place) ? null : goes;
  const fate = fateOf(replica);
  if (fate.kind === "ends" && fate.failure !== null)
    return { ...of, phase: "starting", fault: { why: fate.why, isHopeless: isHopeless(fate.failure) } };
  if (fate.kind === "ends") return goes;
  if (place === null) return { ...of, phase: "waiting", lacks };
  if (isSilent(place)) return { ...of, phase: "failing" };
  if (!serves(place)) return { ...of, phase: hasComeUp(place) ? "failing" : "starting" };
  return { ...of, phase: "serving", phaseForMs: servesForMs(place) };
}
