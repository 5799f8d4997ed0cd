import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { POOL_PROOF_CODES } from "../codes/pools.ts";

export const POOL_PROOF_ENGLISH = messagesFor<typeof POOL_PROOF_CODES>()({
  "pool-tree-missing": "The pool's folder is not there on host {host_name}.",
  "pool-writes-unseen": "Host {host_name} does not see what host {writing_host_name} writes into the pool.",
  "pool-files-differ": "It sees other files than host {host_name}.",
  "pool-member-silent": "Of host {host_name} nothing was heard: {why}.",
  "pool-members-silent": "No proved member of the pool answers now.",
  "pool-host-not-reached": "it is not reached: {why}",
  "pool-proof-late": "its files process did not answer in time",
  "pool-proof-unwritten": "its files process writes no proof ({status})",
  "pool-proof-unread": "its files process reads no proof ({status})",
  "pool-host-not-connected": "Host {host_name} is not connected.",
  "pool-host-without-address": "Host {host_name} has not reported yet where gateways reach it.",
  "pool-host-too-old": "The agent of host {host_name} is too old to prove its pool.",
});
