/** Refusals about files of environments, data and storage pools. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const FILE_CODES = {
  "path-doubled": {},
  "path-outside-environment": {},
  "path-names-no-file": {},
  "path-not-a-file": {},
  "digest-malformed": {},
  "length-missing": {},
  "part-too-large": { max_bytes: "number" },
  "link-unknown": {},
  "link-expired": {},
  "link-key-closed": {},
  "files-in-parts-unknown": {},
  "pool-unreachable": { storage_pool: "text" },
  "host-not-serving-files": { host_name: "text", detail: "text" },
  "host-answer-unknown": {},
  "sealed-bytes-differ": { host_name: "text" },
  "host-proves-nothing": { host_name: "text", detail: "text" },
  "host-answer-other": {},
  "sealed-file-lost": {},
  "file-not-sealed": {},
  "host-answer-late": { seconds: "number" },
  "completions-too-many": {},
  "environment-without-files": {},
  "cursor-of-folder": {},
} as const satisfies CodeShapes;
