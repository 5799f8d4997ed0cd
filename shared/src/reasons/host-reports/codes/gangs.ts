/** What the host of a rank finds of itself and of the network to the other ranks, before a gang is released. */
import type { CodeShapes } from "../../parameters.ts";

export const FINDING_CODES = {
  "rank-answers": { rank_name: "text", address: "text", packet_bytes: "number" },
  "rank-answers-small-packets": { rank_name: "text", address: "text", packet_bytes: "number" },
  "rank-does-not-answer": { rank_name: "text", address: "text", packet_bytes: "number" },
  "clock-in-time": {},
  "clock-ahead": { seconds: "tenths" },
  "clock-behind": { seconds: "tenths" },
  "disk-nearly-full": {},
  "disks-have-room": {},
  "shared-memory-as-ordered": { ordered_mib: "number" },
  "shared-memory-too-small": { found_mib: "number", ordered_mib: "number" },
  "shared-memory-missing": { ordered_mib: "number" },
} as const satisfies CodeShapes;
