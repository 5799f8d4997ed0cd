/** What its replicas make of a service: when it runs, and what stands with it. */
import { asSentence } from "@remotegpu/shared/values/sentence";
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

const AT_ZERO = "Scaled to zero: no replica is wanted.";

/** What waits for a place is told of by whoever looks for places. */
export function sentenceOf(
  { status, wanted, pauseMs, failures }: ServiceState,
  {
    stored,
    moving,
    failed,
    missing,
  }: { stored: readonly Replica[]; moving: readonly Moving[]; failed: string | null; missing: number },
): ReplicasPlan["sentence"] {
  if (failed !== null) return `${failed} Another one is made in its place after a pause.`;
  if (stored.some(({ place }) => place === null) || (missing > 0 && pauseMs > 0)) return undefined;
  if (wanted === 0) return AT_ZERO;
  const [first] = moving;
  if (first !== undefined)
    return `${first.fate.why} Another one takes the place of replica ${first.replica.rank}.`;
  if (status === "creating") return whyNotYet(stored, failures);
  if (missing > 0) return undefined;
  const serving = stored.filter(({ place }) => place !== null && serves(place)).length;
  return serving === wanted ? null : `${serving} of ${wanted} replicas serve.`;
}

/** What one that is made waits for; undefined where nobody knows more than was said. */
function whyNotYet(stored: readonly Replica[], failures: number): string | undefined {
  const [first] = stored.flatMap((replica) => notYetServing(replica) ?? []);
  if (first === undefined) return undefined;
  const before = failures === 0 ? "" : ` ${failures} ${failures === 1 ? "has" : "have"} failed before.`;
  return `${asSentence(first)}${before}`;
}
