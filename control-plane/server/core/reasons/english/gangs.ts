import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { GANG_CODES } from "../codes/gangs.ts";

export const GANG_ENGLISH = messagesFor<typeof GANG_CODES>()({
  "gang-placed": {
    plural: "host_count",
    one: "Placed on {host_count} host, free of charge: {missing}.",
    other: "Placed on {host_count} hosts, free of charge: {missing}.",
  },
  "gang-host-silent": "Host {host_name} was not heard any more.",
  "gang-not-ready": "Not ready within {minutes} minutes: {missing}.",
  "rank-fetches-image": "rank {rank} fetches the image",
  "rank-being-made": "rank {rank} is being made on host {host_name}",
  "rank-reports": "rank {rank} on host {host_name}: {why}",
  "more-ranks": { plural: "more", one: "and {more} more rank", other: "and {more} more ranks" },
  "more-findings": { plural: "more", one: "and {more} more finding", other: "and {more} more findings" },
  "rank-with-other-image":
    "Rank {rank} on host {host_name} has another image ({image_id}) than rank {other_rank} on host {other_host_name} ({other_image_id}).",
  "preflight-failed": "The preflight failed: {findings}.",
  "rank-finding": "{check} of rank {rank} on host {host_name}: {why}",
  "rank-not-reached":
    "rank {rank} on host {host_name} does not reach rank {other_rank} on host {other_host_name}: {why}",
  "rank-host-silent": "host {host_name} is not heard",
  "rank-image-unknown": "rank {rank} has not told its image",
  "rank-checks": "rank {rank} still looks at its {check}",
  "rank-checks-route": "rank {rank} still looks at the way to rank {other_rank}",
  "ranks-about-to-begin": {
    plural: "rank_count",
    one: "The preflight has passed; rank {ranks} is about to begin.",
    other: "The preflight has passed; ranks {ranks} are about to begin.",
  },
  "ranks-lost": "{ranks}.",
  "rank-lost-silent": "rank {rank}: host {host_name} is not heard any more",
  "rank-lost-frozen":
    "rank {rank}: its container on host {host_name} has been frozen from outside for {seconds} seconds",
  "rank-lost-unbegun":
    "rank {rank}: it did not begin on host {host_name} within {minutes} minutes of its release",
  "gang-network-broken": "The network between its ranks is broken: {ranks}.",
  "rank-cut-off": "rank {rank} hears nothing from {others}",
  "rank-on-host": "rank {rank} on host {host_name}",
  "network-address": "{address}",
});
