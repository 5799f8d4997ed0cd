import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { POOL_PROOF_CODES } from "../codes/pools.ts";

export const POOL_PROOF_ENGLISH = messagesFor<typeof POOL_PROOF_CODES>()({
  "pool-folder-absent": "The pool's folder is not there on host {host_name}.",
  "pool-writes-unseen": "Host {reader_name} does not see what host {writer_name} writes into the pool.",
  "pool-files-differ": "It sees other files than host {host_name}.",
  "pool-host-silent": "Of host {host_name} nothing was heard: {why}.",
  "pool-nonce-unwritten": "its files process writes no proof ({status})",
  "pool-nonce-unread": "its files process reads no proof ({status})",
  "pool-answer-overdue": "its files process did not answer in time",
  "pool-host-unreached": "it is not reached: {why}",
  "pool-host-disconnected": "Host {host_name} is not connected.",
  "pool-host-without-port": "Host {host_name} has not reported yet where gateways reach it.",
  "pool-host-agent-too-old": "The agent of host {host_name} is too old to prove its pool.",
  "pool-members-silent": "No proved member of the pool answers now.",
});
