/** What came of the last try to prove that a host shares its storage pool, where that proved nothing. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const POOL_PROOF_CODES = {
  "pool-folder-absent": { host_name: "text" },
  "pool-writes-unseen": { reader_name: "text", writer_name: "text" },
  "pool-files-differ": { host_name: "text" },
  "pool-host-silent": { host_name: "text", why: "phrase" },
  "pool-nonce-unwritten": { status: "number" },
  "pool-nonce-unread": { status: "number" },
  "pool-answer-overdue": {},
  "pool-host-unreached": { why: "phrase" },
  "pool-host-disconnected": { host_name: "text" },
  "pool-host-without-port": { host_name: "text" },
  "pool-host-agent-too-old": { host_name: "text" },
  "pool-members-silent": {},
} as const satisfies CodeShapes;
