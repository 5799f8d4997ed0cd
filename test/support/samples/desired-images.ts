/** Wishes for images as an order or a fetch makes them. */
import type { FetchId, ImageTerms } from "@remotegpu/shared/instance/image-fetch";
import type { InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredImage } from "@remotegpu/agent/core/images/desired-images";

/** Of an operator who lets registries be anywhere, as those of tests are. */
export function termsOf(owner: string, rest: Partial<ImageTerms> = {}): ImageTerms {
  return { owner, credential: null, isOffered: false, mayBePrivate: true, ...rest };
}

export function imageOfOrder(
  image: string,
  owner: string,
  rest: Partial<ImageTerms> & { run?: string } = {},
): DesiredImage {
  const { run = owner, ...terms } = rest;
  return {
    wisher: `run ${run}`,
    by: { kind: "order", instanceId: `env-${run}` as InstanceId, runId: run as RunId },
    image,
    owner,
    terms: termsOf(owner, terms),
  };
}

export function imageOfFetch(image: string, owner: string, fetchId = owner): DesiredImage {
  return {
    wisher: `fetch ${fetchId}`,
    by: { kind: "fetch", fetchId: fetchId as FetchId },
    image,
    owner,
    terms: termsOf(owner),
  };
}
