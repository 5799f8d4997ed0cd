/** What comes of it when members of a storage pool prove to each other that they share it. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const POOL_PROOF_CODES = {
  "pool-tree-missing": { host_name: "text" },
  "pool-writes-unseen": { host_name: "text", writing_host_name: "text" },
  "pool-files-differ": { host_name: "text" },
  "pool-member-silent": { host_name: "text", why: "phrase" },
  "pool-members-silent": {},
  "pool-host-not-reached": { why: "whole" },
  "pool-proof-late": {},
  "pool-proof-unwritten": { status: "number" },
  "pool-proof-unread": { status: "number" },
  "pool-host-not-connected": { host_name: "text" },
  "pool-host-without-address": { host_name: "text" },
  "pool-host-too-old": { host_name: "text" },
} as const satisfies CodeShapes;
