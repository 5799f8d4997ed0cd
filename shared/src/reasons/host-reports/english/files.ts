import { messagesFor } from "../../messages.ts";
import type {
  FILE_REQUEST_CODES,
  FILE_UPLOAD_CODES,
  POOL_FILE_CODES,
  SEALED_FILE_CODES,
} from "../codes/files.ts";

export const POOL_FILE_ENGLISH = messagesFor<typeof POOL_FILE_CODES>()({
  "pool-file-missing": "There is no such file or folder.",
  "pool-path-through-file": "A part of the path is no folder.",
  "pool-link-leaves-folder": "It is a link that leaves its folder, or leads nowhere.",
  "pool-file-is-folder": "It is a folder.",
  "pool-path-too-long": "The path is too long.",
  "pool-path-being-renamed": "What is on the way there is being renamed all the time.",
  "pool-file-not-plain": "It is neither a file nor a folder.",
  "pool-folder-in-place": "There is a folder of that name.",
  "pool-folder-being-written": "Something is written into it all the time.",
  "pool-disk-full": "The disk of the storage pool is full.",
  "pool-disk-too-small": "The disk of the storage pool has not so much room.",
  "pool-quota-exhausted": "A quota of the storage pool's file system is used up.",
  "pool-read-only": "The storage pool takes no writes.",
  "pool-failing": "The storage pool of that host fails.",
  "host-open-files-too-many": "Too many files are open on that host.",
});

export const FILE_REQUEST_ENGLISH = messagesFor<typeof FILE_REQUEST_CODES>()({
  "file-request-unknown": "This host's agent does not know that request.",
  "file-path-leaves-folder": "The path is none that stays below its folder.",
  "file-path-without-name": "The path names no file.",
  "file-path-not-removable": "The path names nothing that may be removed.",
  "file-folder-not-removable": "The folder names nothing that may be removed.",
  "file-folder-reserved": "The folder is none that may be reached.",
  "file-page-limit-malformed": "limit is no number of a page.",
  "file-parameter-not-base64url": "{parameter} is not base64url.",
  "file-parameter-not-whole": "{parameter} is no whole number.",
  "file-parameter-not-sha256": "{parameter} is no SHA-256.",
  "pool-proof-name-malformed": "name is none of a proof.",
  "pool-proof-nonce-malformed": "That is no nonce.",
});

export const FILE_UPLOAD_ENGLISH = messagesFor<typeof FILE_UPLOAD_CODES>()({
  "upload-broken-off": "It broke off.",
  "upload-differs-unwritten": "What came is not what its checksum says; nothing was written.",
  "upload-part-differs": "What came is not what its checksum says; bring that part again.",
  "upload-part-too-long": "It is longer than a part, or than the file.",
  "upload-not-open": "Nothing is being brought there now.",
  "upload-replaced": "Another upload has begun meanwhile.",
  "upload-being-checked": "All of it is there, and is being checked.",
  "upload-without-parts": "Nothing of it is there.",
  "upload-incomplete": "Not all of it is there; put it again to go on.",
  "upload-gone": "Nothing of it is there; put it again.",
  "upload-differs": "It is not what its checksum says; put it again.",
  "upload-name-occupied": "Something else takes its name beside its place all the time.",
  "host-checks-too-many": "That host checks too much now.",
  "host-checksums-too-many": "That host computes too many checksums now.",
});

export const SEALED_FILE_ENGLISH = messagesFor<typeof SEALED_FILE_CODES>()({
  "sealed-file-missing": "The version has no such file.",
  "sealed-part-missing": "The file has no such part.",
  "sealed-lists-missing": "The version has no list of its parts.",
  "sealed-lists-differ": "The lists of that version are not what was sealed.",
  "file-list-missing": "The list of its files is missing.",
  "file-list-replaced": "The list of its files is another one by now.",
  "file-list-unreadable": "A line of the list of files cannot be read.",
  "file-list-unordered": "The list of files is not in the order of a walk, or names no file.",
  "file-list-contradicted": "It does not agree with its list: {fault}.",
  "file-list-contradicted-often": "It does not agree with its list: {fault}, and so do {more} more.",
  "listed-file-missing": "{path} is missing",
  "listed-file-not-plain": "{path} is no file",
  "listed-file-size-differs": "{path} has {found_bytes} bytes in place of {listed_bytes}",
  "listed-file-differs": "{path} has other bytes than its checksum says",
});
