import { messagesFor } from "../../messages.ts";
import type { IMAGE_REPORT_CODES } from "../codes/images.ts";

export const IMAGE_REPORT_ENGLISH = messagesFor<typeof IMAGE_REPORT_CODES>()({
  "image-refused": "The registry refused: the image is private, or its credentials are wrong.",
  "image-not-found": "There is no such image.",
  "image-registry-slow": "The registry is too slow.",
  "image-registry-unreachable": "The registry cannot be reached.",
  "image-registry-not-allowed": "Images of this registry may not be used here.",
  "image-without-room": "The host has no room for the image.",
  "image-of-other-platform": "The image is not made for this kind of machine.",
  "image-fetch-failed": "The image could not be fetched.",

  "image-pulling": "Image {image} is being pulled.",
  "image-pulling-mib":
    "Image {image} is being pulled: {layers_done} of {layers} layers, {done_mib} of {total_mib} MiB.",
  "image-pulling-gib":
    "Image {image} is being pulled: {layers_done} of {layers} layers, {done_gib} of {total_gib} GiB.",
  "image-pull-queued": "The pull of image {image} waits for others.",
  "image-pull-repeated": "The pull of image {image} is tried again in a moment.",
  "image-registry-paused": "The registry of image {image} did not answer well; it is asked again in a while.",
  "image-awaits-credentials": "Image {image} waits for the credentials of its registry.",
  "image-awaits-runtime": "The pull of image {image} waits for the container runtime.",
  "image-awaits-room": "Image {image} waits for room on the host's disk.",
  "image-not-on-offer": "Image {image} is not on offer on this host and did not come. {why}",
  "image-id-not-on-offer": "Image {image} is not on offer on this host, and an id cannot be pulled.",
  "image-content-differs": "Image {image} is {found_id} on this host, and the order is for {ordered_id}.",
});
