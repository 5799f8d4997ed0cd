/**
 * Which images are wanted on this host now: by orders that are to run and have no container yet, and by fetches. Read
 * anew in each round; what is no longer among them nobody wants any more.
 */
import type { DesiredFetch, FetchId, ImageTerms } from "@remotegpu/shared/image-fetch";
import type { InstanceId, RunId } from "@remotegpu/shared/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance";
import { networkLabel } from "../container/container.ts";
import { runViews, type Knowledge } from "../runs/run-view.ts";

export type ImageWish = {
  /** Tells one wish from another. */
  wisher: string;
  by: { kind: "order"; instanceId: InstanceId; runId: RunId } | { kind: "fetch"; fetchId: FetchId };
  image: string;
  /** Whose order it is; pulls are shared among them. */
  owner: string;
  terms: ImageTerms | undefined;
};

export function imageWishes(knowledge: Knowledge, fetches: readonly DesiredFetch[]): ImageWish[] {
  const orders = runViews(knowledge).flatMap(({ state: standing, record, container }) => {
    const isToStart = standing.kind === "wanted" && container === null && !record?.end && !record?.stop;
    return isToStart ? [wishOfOrder(standing.desired)] : [];
  });
  return [...orders, ...fetches.map(wishOfFetch)];
}

export function wishOfOrder({ instanceId, runId, spec, imageTerms }: DesiredInstance): ImageWish {
  return {
    wisher: `run ${runId}`,
    by: { kind: "order", instanceId, runId },
    image: spec.image,
    owner: imageTerms?.owner ?? networkLabel(spec.network),
    terms: imageTerms,
  };
}

function wishOfFetch({ fetchId, image, terms }: DesiredFetch): ImageWish {
  return { wisher: `fetch ${fetchId}`, by: { kind: "fetch", fetchId }, image, owner: terms.owner, terms };
}

/** Wishes with the same key share one pull. */
export function pullKey({ image, terms }: ImageWish): string {
  return JSON.stringify([image, terms?.credential ?? null, terms?.mayBePrivate ?? true]);
}
