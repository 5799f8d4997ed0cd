/** How far an image is on its way to a host, and how that ended. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const IMAGE_CODES = {
  "image-fetch-queued": { host_name: "text", place: "phrase" },
  "image-fetching": { host_name: "text", place: "phrase" },
  "image-fetching-progress": { host_name: "text", progress: "phrases", place: "phrase" },
  "no-gpu-held": {},
  "place-being-returned": {},
  "image-layers-done": { layers_done: "number", layers: "number" },
  "image-mib-done": { done_mib: "tenths", total_mib: "tenths" },
  "image-gib-done": { done_gib: "tenths", total_gib: "tenths" },
  "image-fetched": { host_name: "text" },
  "image-fetch-unneeded": { host_name: "text" },
  "image-fetch-not-begun": { host_name: "text" },
  "image-host-away": { host_name: "text" },
} as const satisfies CodeShapes;
