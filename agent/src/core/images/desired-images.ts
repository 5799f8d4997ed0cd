/**
 * Which images are wanted on this host now: by orders that are to run and have no container yet, and by fetches. Read
 * anew in each round; what is no longer among them nobody wants any more.
 */
import type { DesiredFetch, FetchId, ImageTerms } from "@remotegpu/shared/instance/image-fetch";
import type { InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { networkLabel } from "../container/container.ts";
import { runViews, type Knowledge } from "../runs/run-view.ts";

export type DesiredImage = {
  /** Tells one wish from another. */
  wisher: string;
  by: { kind: "order"; instanceId: InstanceId; runId: RunId } | { kind: "fetch"; fetchId: FetchId };
  image: string;
  /** Whose order it is; pulls are shared among them. */
  owner: string;
  terms: ImageTerms | undefined;
};

export function desiredImages(knowledge: Knowledge, fetches: readonly DesiredFetch[]): DesiredImage[] {
  const orders = runViews(knowledge).flatMap(({ state, record, container }) => {
    const isToStart = state.kind === "wanted" && container === null && !record?.end && !record?.stop;
    return isToStart ? [desiredImageOf(state.desired)] : [];
  });
  return [...orders, ...fetches.map(desiredImageOfFetch)];
}

export function desiredImageOf({ instanceId, runId, spec, imageTerms }: DesiredInstance): DesiredImage {
  return {
    wisher: `run ${runId}`,
    by: { kind: "order", instanceId, runId },
    image: spec.image,
    owner: imageTerms?.owner ?? networkLabel(spec.network),
    terms: imageTerms,
  };
}

function desiredImageOfFetch({ fetchId, image, terms }: DesiredFetch): DesiredImage {
  return { wisher: `fetch ${fetchId}`, by: { kind: "fetch", fetchId }, image, owner: terms.owner, terms };
}

/** Wishes with the same key share one pull. */
export function pullKey({ image, terms }: DesiredImage): string {
  return JSON.stringify([image, terms?.credential ?? null, terms?.mayBePrivate ?? true]);
}
