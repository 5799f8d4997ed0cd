/** How far an image is on its host, and why it does not come. */
import type { CodeShapes } from "../../parameters.ts";

export const IMAGE_REPORT_CODES = {
  "image-refused": {},
  "image-not-found": {},
  "image-registry-slow": {},
  "image-registry-unreachable": {},
  "image-registry-not-allowed": {},
  "image-without-room": {},
  "image-of-other-platform": {},
  "image-fetch-failed": {},

  "image-pulling": { image: "text" },
  "image-pulling-mib": {
    image: "text",
    layers_done: "number",
    layers: "number",
    done_mib: "tenths",
    total_mib: "tenths",
  },
  "image-pulling-gib": {
    image: "text",
    layers_done: "number",
    layers: "number",
    done_gib: "tenths",
    total_gib: "tenths",
  },
  "image-pull-queued": { image: "text" },
  "image-pull-repeated": { image: "text" },
  "image-registry-paused": { image: "text" },
  "image-awaits-credentials": { image: "text" },
  "image-awaits-runtime": { image: "text" },
  "image-awaits-room": { image: "text" },
  "image-not-on-offer": { image: "text", why: "whole" },
  "image-id-not-on-offer": { image: "text" },
  "image-content-differs": { image: "text", found_id: "text", ordered_id: "text" },
} as const satisfies CodeShapes;
