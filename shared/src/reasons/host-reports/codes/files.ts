/** Why the files process of a host does not do what was requested of it. No code names a path of the host. */
import type { CodeShapes } from "../../parameters.ts";

/** What lies in the storage pool, and what its disk takes. */
export const POOL_FILE_CODES = {
  "pool-file-missing": {},
  "pool-path-through-file": {},
  "pool-link-leaves-folder": {},
  "pool-file-is-folder": {},
  "pool-path-too-long": {},
  "pool-path-being-renamed": {},
  "pool-file-not-plain": {},
  "pool-folder-in-place": {},
  "pool-folder-being-written": {},
  "pool-disk-full": {},
  "pool-disk-too-small": {},
  "pool-quota-exhausted": {},
  "pool-read-only": {},
  "pool-failing": {},
  "host-open-files-too-many": {},
} as const satisfies CodeShapes;

/** Requests that the files process does not understand or may not serve. */
export const FILE_REQUEST_CODES = {
  "file-request-unknown": {},
  "file-path-leaves-folder": {},
  "file-path-without-name": {},
  "file-path-not-removable": {},
  "file-folder-not-removable": {},
  "file-folder-reserved": {},
  "file-page-limit-malformed": {},
  "file-parameter-not-base64url": { parameter: "text" },
  "file-parameter-not-whole": { parameter: "text" },
  "file-parameter-not-sha256": { parameter: "text" },
  "pool-proof-name-malformed": {},
  "pool-proof-nonce-malformed": {},
} as const satisfies CodeShapes;

/** Files that are uploaded, whole or in parts. */
export const FILE_UPLOAD_CODES = {
  "upload-broken-off": {},
  "upload-differs-unwritten": {},
  "upload-part-differs": {},
  "upload-part-too-long": {},
  "upload-not-open": {},
  "upload-replaced": {},
  "upload-being-checked": {},
  "upload-without-parts": {},
  "upload-incomplete": {},
  "upload-gone": {},
  "upload-differs": {},
  "upload-name-occupied": {},
  "host-checks-too-many": {},
  "host-checksums-too-many": {},
} as const satisfies CodeShapes;

/** Versions of datasets and models: the check against their lists of files, and the proofs of their parts. */
export const SEALED_FILE_CODES = {
  "sealed-file-missing": {},
  "sealed-part-missing": {},
  "sealed-lists-missing": {},
  "sealed-lists-differ": {},
  "file-list-missing": {},
  "file-list-replaced": {},
  "file-list-unreadable": {},
  "file-list-unordered": {},
  "file-list-contradicted": { fault: "phrase" },
  "file-list-contradicted-often": { fault: "phrase", more: "number" },
  "listed-file-missing": { path: "text" },
  "listed-file-not-plain": { path: "text" },
  "listed-file-size-differs": { path: "text", found_bytes: "number", listed_bytes: "number" },
  "listed-file-differs": { path: "text" },
} as const satisfies CodeShapes;
