/**
 * What is told of images that are to come: to the control plane for each pull, and to people for each order. What only
 * grows in it changes at most once in two seconds, so that a pull does not make the host report all the time.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  PULL_PROBLEM_REASONS,
  MAX_INSTANCES_OF_PULL,
  type ObservedPull,
  type PullProblem,
} from "@remotegpu/shared/instance/image-fetch";
import { IMAGE_ID } from "@remotegpu/shared/values/image-name";
import type { RunId } from "@remotegpu/shared/values/ids";
import { MAX_OBSERVED_PULLS } from "@remotegpu/shared/messages/protocol";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { DesiredImage } from "../../core/images/desired-images.ts";
import type { PullClock } from "../../core/images/pull-bounds.ts";
import { progressReason, UNCOUNTED, type PullProgress } from "../../core/images/pull-progress.ts";

const PROGRESS_EVERY_MS = 2 * MS_PER_SECOND;
/** Beside all else that a host tells; the log has the whole. */
const MAX_OPERATOR_DETAIL = 200;

/** One image that is to come, for all who want it on the same terms. */
export type Pull = {
  readonly key: string;
  readonly image: string;
  readonly registry: string;
  readonly desired: Map<string, DesiredImage>;
  /** Since when it waits, or went behind the others. */
  sinceMs: number;
  /** How often its registry was too slow, or could not be reached. */
  failures: number;
  /** How often it made room for others. */
  yields: number;
  /** Tried in vain, for no fault of the image's. */
  notBefore: { ms: number; why: string; reason: HostReason } | null;
  /** Its registry is given a rest. */
  isPaused: boolean;
  pending: (PullClock & { progress: PullProgress; owner: string; end: AbortController }) | null;
};

/** How a wish came out. */
export type Outcome =
  | { kind: "present"; sinceMs: number }
  | { kind: "failed"; problem: PullProblem; /** Null where nobody said anything. */ message: string | null };

/** `terms` tells whether it is still the same wish. */
export type Settled = Outcome & { terms: string | null };

export type PullState = {
  desired: ReadonlyMap<string, DesiredImage>;
  pulls: readonly Pull[];
  settled: ReadonlyMap<string, Settled>;
};

type Reported = { pulls: ObservedPull[]; waits: ReadonlyMap<RunId, HostReason> };

export class PullReports {
  #last: (Reported & { atMs: number; states: string }) | null = null;

  report(state: PullState, nowMs: number): Reported {
    const reported = reportedOf(state);
    const states = JSON.stringify([
      reported.pulls.map((pull) => ({ ...pull, ...UNCOUNTED })),
      [...reported.waits.keys()],
    ]);
    if (this.#last?.states === states && nowMs - this.#last.atMs < PROGRESS_EVERY_MS) return this.#last;
    this.#last = { ...reported, atMs: nowMs, states };
    return reported;
  }
}

/** Why an order has no image. What the registry or the runtime said is no part of it. */
export function missingReason(image: string, problem: PullProblem): HostReason {
  return IMAGE_ID.test(image)
    ? { code: "image-id-not-on-offer", params: { image } }
    : { code: "image-not-on-offer", params: { image, why: PULL_PROBLEM_REASONS[problem] } };
}

function reportedOf({ desired, pulls, settled }: PullState): Reported {
  const waits = new Map<RunId, HostReason>();
  const reported: ObservedPull[] = [];
  for (const pull of pulls) {
    reported.push(...observedOf(pull));
    for (const { by } of pull.desired.values()) if (by.kind === "order") waits.set(by.runId, reasonOf(pull));
  }
  for (const { wisher, by, image } of desired.values()) {
    const outcome = settled.get(wisher);
    if (by.kind === "fetch" && outcome !== undefined)
      reported.push({ ...settledPull(image, outcome), fetchId: by.fetchId });
  }
  reported.sort(inOrder);
  return { pulls: reported.slice(0, MAX_OBSERVED_PULLS), waits };
}

/** Once for each fetch; the orders stand in the first alone, or a report could grow by their product. */
function observedOf(pull: Pull): ObservedPull[] {
  const { image, pending, desired } = pull;
  const state = pending === null ? ("waiting" as const) : ("pulling" as const);
  const progress = pending?.progress.counted ?? UNCOUNTED;
  const reported = { image, state, ...progress, problem: null, operatorDetail: reasonToWait(pull) };
  const wishers = [...desired.values()].map(({ by }) => by);
  const fetchIds = wishers.flatMap((by) => (by.kind === "fetch" ? [by.fetchId] : [])).toSorted(order);
  const instanceIds = wishers
    .flatMap((by) => (by.kind === "order" ? [by.instanceId] : []))
    .toSorted(order)
    .slice(0, MAX_INSTANCES_OF_PULL);
  const [first = null, ...others] = fetchIds;
  return [
    { ...reported, fetchId: first, instanceIds },
    ...others.map((fetchId) => ({ ...reported, fetchId, instanceIds: [] })),
  ];
}

function reasonToWait({ pending, isPaused, notBefore, registry }: Pull): string | null {
  if (pending !== null) return null;
  if (isPaused) return `${registry} stalled or could not be reached and is given a rest`;
  return storable(notBefore?.why ?? "it waits for a free slot");
}

function reasonOf({ image, pending, isPaused, notBefore }: Pull): HostReason {
  if (pending !== null) return progressReason(image, pending.progress.counted);
  if (isPaused) return { code: "image-registry-paused", params: { image } };
  return notBefore?.reason ?? { code: "image-pull-queued", params: { image } };
}

function settledPull(image: string, settled: Settled): Omit<ObservedPull, "fetchId"> {
  return settled.kind === "present"
    ? { image, state: "present", ...UNCOUNTED, problem: null, operatorDetail: null }
    : {
        image,
        state: "failed",
        ...UNCOUNTED,
        problem: settled.problem,
        operatorDetail: storable(settled.message),
      };
}

/** What a runtime said may hold anything; a report with it would be refused as a whole. */
function storable(text: string | null): string | null {
  return text && text.replaceAll("\u0000", "").slice(0, MAX_OPERATOR_DETAIL).toWellFormed();
}

/** The same pulls are always told alike; those of one image that differ by their credentials, by who wants them. */
function inOrder(a: ObservedPull, b: ObservedPull): number {
  const [firstOfA = "", firstOfB = ""] = [a.instanceIds?.[0], b.instanceIds?.[0]];
  return order(a.image, b.image) || order(a.fetchId ?? "", b.fetchId ?? "") || order(firstOfA, firstOfB);
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
