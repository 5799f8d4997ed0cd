import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { IMAGE_CODES } from "../codes/images.ts";

export const IMAGE_ENGLISH = messagesFor<typeof IMAGE_CODES>()({
  "image-fetch-queued": "Host {host_name} fetches the image when its turn comes; {place}.",
  "image-fetching": "Host {host_name} is fetching the image; {place}.",
  "image-fetching-progress": "Host {host_name} is fetching the image ({progress}); {place}.",
  "no-gpu-held": "no GPU is held meanwhile",
  "place-being-returned": "its place there is being given back",
  "image-layers-done": {
    plural: "layers",
    one: "{layers_done} of {layers} layer",
    other: "{layers_done} of {layers} layers",
  },
  "image-mib-done": "{done_mib} of {total_mib} MiB",
  "image-gib-done": "{done_gib} of {total_gib} GiB",
  "image-fetched": "Host {host_name} has fetched the image.",
  "image-fetch-unneeded": "Host {host_name} need not fetch the image any more.",
  "image-fetch-not-begun": "Host {host_name} had no turn for the image in all this time.",
  "image-host-away": "Host {host_name} cannot go on fetching the image.",
});
