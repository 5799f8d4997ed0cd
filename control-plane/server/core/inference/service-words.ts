/** What its replicas make of a service: when it runs, and what stands with it. */
import type { Reason } from "../reasons/reason.ts";
import { isSilent, notYetServing, type Replica, serves } from "./replica.ts";
import type { Moving } from "./departures.ts";
import type { ReplicasPlan, ServiceState } from "./replicas.ts";

/** It runs from its first replica that serves on; one that wants none runs as it is. */
export function statusOf(
  { status, wanted }: ServiceState,
  left: readonly Replica[],
): ReplicasPlan["becomes"] {
  const isServing = left.some(({ place }) => place !== null && !isSilent(place) && serves(place));
  const runs = status === "creating" && (isServing || wanted === 0);
  return runs ? { status: "running", reason: wanted === 0 ? AT_ZERO : null } : null;
}

const AT_ZERO: Reason = { code: "replicas-not-wanted", params: {} };

/** What waits for a place is told of by whoever looks for places. */
export function sentenceOf(
  { status, wanted, pauseMs, failures }: ServiceState,
  {
    stored,
    moving,
    failed,
    missing,
  }: { stored: readonly Replica[]; moving: readonly Moving[]; failed: Reason | null; missing: number },
): ReplicasPlan["sentence"] {
  if (failed !== null) return { code: "replica-made-after-pause", params: { why: failed } };
  if (stored.some(({ place }) => place === null) || (missing > 0 && pauseMs > 0)) return undefined;
  if (wanted === 0) return AT_ZERO;
  const [first] = moving;
  if (first !== undefined)
    return { code: "replica-moving", params: { why: first.fate.why, rank: first.replica.rank } };
  if (status === "creating") return whyNotYet(stored, failures);
  if (missing > 0) return undefined;
  const serving = stored.filter(({ place }) => place !== null && serves(place)).length;
  return serving === wanted ? null : { code: "replicas-serving", params: { serving, wanted } };
}

/** What one that is made waits for; undefined where nobody knows more than was said. */
function whyNotYet(stored: readonly Replica[], failures: number): Reason | undefined {
  const [first] = stored.flatMap((replica) => notYetServing(replica) ?? []);
  if (first === undefined || failures === 0) return first;
  return { code: "failures-before", params: { why: first, failures } };
}
