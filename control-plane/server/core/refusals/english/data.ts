import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { DATA_CODES } from "../codes/data.ts";

export const DATA_ENGLISH = messagesFor<typeof DATA_CODES>()({
  "upload-pool-full":
    "Storage pool {storage_pool} has {free_size} left, and {missing_size} are still to come.",
  "pool-unknown": "is none of the fleet",
  "pool-named-unknown": "{storage_pool} is none of the fleet",
  "pool-to-name": "has to be named: {storage_pools}",
  "upload-without-host": "No host is heard now that could take it.",
  "upload-over": "Another upload has begun since, or this one is over; begin anew to go on.",
  "upload-superseded": "Another upload of it has just begun or ended; begin anew.",
  "upload-parts-differ": "was said to have other parts than its host has found",
  "upload-files-differ":
    "was said to have {said_files} files of {said_bytes} bytes, and has {files} of {bytes}",
  "data-of-another-owner": "Only its owner may change {thing}.",
  "data-mounted": "The {thing} is mounted by {mounted_by}; delete that first.",
  "data-not-ready": "The {thing} is {status}: nothing of it can be read yet.",
  "data-outside-pools": "The {thing} lies outside the storage pools.",
  "data-pool-unnamed":
    "No storage pool is named that has the {thing}: an administrator names them in storage_pools.",
  "data-without-host": "No host is heard now that has it.",
  "administrators-field": "{why}; leave {field} out.",
  "folder-set-by-administrators": "Where the files lie is set by administrators",
  "pools-set-by-administrators": "Which storage pools have the files is said by administrators",
  "status-set-by-administrators": "Whether the files are there is said by administrators, who put them there",
  "set-by-administrators": "is set by administrators",
  "workspace-needed": "is needed with visibility workspace",
  "image-offered": "The image {name} is offered already.",
  "code-space-used":
    "You may have {max_bytes} bytes of code here, and unfinished jobs hold too much of them.",
  "code-parts-missing": "{parts} parts of it are still to come.",
  "code-checks-busy": "Other code is being looked at now.",
  "code-withdrawn": "It was given up meanwhile; bring it again.",
  "digest-of-other-bytes": "is not of what came; bring that part again",
  "code-part-unknown": "is none of it, or not as long as that part has to be",
  "code-refused": "is refused: {detail}",
  "code-of-other-bytes": "is not what its SHA-256 says",
});
