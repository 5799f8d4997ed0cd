/**
 * By which names an order may call for an image that is on this host: its tags, and its id. Sorted and bounded, so that
 * the same images always make the same list.
 */
import { IMAGE_NAME, MAX_HOST_IMAGES } from "@remotegpu/shared/values/image-name";
import { isCanaryImage } from "../canary/canary-order.ts";
import type { StoredImage } from "./image-cleaning.ts";

/** What a runtime adds where an order names no tag. */
const DEFAULT_TAG = ":latest";

/** Names before ids: of more than can be told, an order hardly ever means one by its id. */
export function imageNames(images: readonly Pick<StoredImage, "id" | "names">[]): string[] {
  // The agent's own canaries are no images for orders.
  const offered = images.filter(({ names }) => !names.some(isCanaryImage));
  const tags = offered.flatMap((image) => image.names.flatMap(withoutDefaultTag));
  const ids = offered.map(({ id }) => id);
  const reported = [...sorted(tags), ...sorted(ids)].filter((name) => IMAGE_NAME.test(name));
  return [...new Set(reported)].slice(0, MAX_HOST_IMAGES);
}

/** `python:latest` is `python`, too. */
function withoutDefaultTag(tag: string): string[] {
  return tag.endsWith(DEFAULT_TAG) ? [tag, tag.slice(0, -DEFAULT_TAG.length)] : [tag];
}

/** In the order of code units, which no locale changes. */
function sorted(names: readonly string[]): string[] {
  return names.toSorted((a, b) => (a < b ? -1 : Number(a > b)));
}
