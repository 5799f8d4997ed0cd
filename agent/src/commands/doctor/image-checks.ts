/** What would go of the images on this host if an agent made room now: a dry run, which removes nothing. */
import type { Check, CheckResult } from "@remotegpu/shared/doctor";
import { GIB } from "@remotegpu/shared/values/units";
import {
  excessBytes,
  imagesToRemove,
  type ImageBounds,
  type ImageHold,
} from "../../core/images/image-cleaning.ts";

const CHECK: Check = {
  check: "images-make-room",
  claim: "Of the images that this host pulled, those go first that nobody has used for longest.",
};

export const IMAGE_CHECKS: readonly Check[] = [CHECK];

/** Nothing of it is broken: what else fills a disk is not the images' fault. */
export function checkImages(hold: ImageHold, bounds: ImageBounds): CheckResult[] {
  const removals = imagesToRemove(hold, bounds);
  const left = removals.reduce((bytes, removal) => bytes - removal.bytes, excessBytes(hold, bounds));
  const notes = [
    ...removals.map(
      ({ imageId, names, bytes, lastUsedMs }) =>
        `would be removed: ${names.join(", ") || imageId} (${inGib(bytes)}, last used ${new Date(lastUsedMs).toISOString()})`,
    ),
    ...(left > 0 ? [`${inGib(left)} more should be free, and no other image can go`] : []),
  ];
  return [{ ...CHECK, state: "well", ...(notes.length > 0 && { notes }) }];
}

function inGib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}
