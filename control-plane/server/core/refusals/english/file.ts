import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { FILE_CODES } from "../codes/file.ts";

export const FILE_ENGLISH = messagesFor<typeof FILE_CODES>()({
  "path-doubled": "stands in place of path",
  "path-outside-environment": "must be /gemini/code or /gemini/output, or lie below one of them",
  "path-names-no-file": "must name a file below /gemini/code or /gemini/output",
  "path-not-a-file": "must name a file",
  "digest-malformed": "must be sha-256=:…:",
  "length-missing": "is needed",
  "part-too-large": "A part may have at most {max_bytes} bytes.",
  "link-unknown": "is no link that was made here",
  "link-expired": "This link has expired; ask for another one.",
  "link-key-closed": "The key that this link was made with opens it no more.",
  "files-in-parts-unknown": "The agent of its host is too old to take files in parts; it takes them whole.",
  "pool-unreachable": "No host of storage pool {storage_pool} is heard now.",
  "host-not-serving-files": "Host {host_name} does not serve files now: {detail}",
  "host-answer-unknown": "Its host answered something else than was asked for.",
  "sealed-bytes-differ": "What host {host_name} has of it is not what was sealed.",
  "host-proves-nothing": "Host {host_name} does not prove what it has: {detail}",
  "host-answer-other": "Its host answered something else.",
  "sealed-file-lost": "Its host has lost the file meanwhile.",
  "file-not-sealed": "Its host has a file there that was not sealed.",
  "host-answer-late": "Its host's answer did not end within {seconds} s.",
  "completions-too-many": "Other uploads are being completed; try again shortly.",
  "environment-without-files": "The environment has not run yet, so it has no files.",
  "cursor-of-folder": "goes on with a folder, and there is a file",
});
