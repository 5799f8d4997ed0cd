/** What no host of the fleet could hold, were all of it free. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const IMPOSSIBILITY_CODES = {
  "label-on-no-host": { label: "text", place: "phrase" },
  "nothing-on-any-host": { wanted: "phrase", place: "phrase" },
  "beyond-largest-host": { requested: "phrase", place: "phrase", most: "phrase" },
  "places-too-few": { requested: "number", room: "number" },
  "own-hosts-too-few": { requested: "number", room: "number" },
  "any-host": {},
  "any-host-of-pool": { storage_pool: "text" },
  "any-host-with": { place: "phrase", qualities: "all" },
  "host-label": { label: "text" },
  cores: { cores: "number" },
  memory: { mib: "number" },
  "temp-storage": { mib: "number" },
  "memory-on-each-gpu": { mib: "number", model: "phrase" },
  "gpus-with-memory": { count: "number", model: "phrase", mib: "number" },
} as const satisfies CodeShapes;
