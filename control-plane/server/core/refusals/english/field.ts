import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { FIELD_CODES } from "../codes/field.ts";

export const FIELD_ENGLISH = messagesFor<typeof FIELD_CODES>()({
  "decimal-malformed": "must be a plain decimal like {example}, at most {max_decimals} decimals",
  "decimal-too-large": "is too large: at most {maximum}",
  "decimal-too-long": "is too long: at most {maximum}, in at most {max_characters} characters",
  "amount-negative": "must not be below zero",
  "number-not-whole": "must be a whole number",
  "number-not-positive": "must be a positive number",
  "bytes-not-whole": "must be a whole number of bytes",
  "part-number-malformed": "must be the number of a part",
  "limit-out-of-range": "must be a whole number from 1 to {maximum}",
  "moment-out-of-range": "must lie in the years {first_year} to {last_year}",
  "id-malformed": "must be letters, digits, - and _",
  "upload-id-malformed": "is no upload",
  "plain-name-malformed": "must be letters, digits, ., _ and -",
  "plain-word-malformed": "must be a plain word",
  "image-reference-malformed": "must be an image reference like {example}",
  "price-line-unknown": "must be spec, cpu, memory, gpu, gpu:<model>, gpu_memory, temp_storage or storage",
  "label-key-malformed":
    "must be 1 to {max_characters} letters, digits, ., _, / and -, the first a letter or digit",
  "labels-too-many": "at most {max_labels} labels",
  "map-grouping-unknown": "must be model, or label: and a label's key",
  "thresholds-doubled": "must not name a number twice",
  "scopes-doubled": "must name each scope once",
  "listed-twice": "names one twice",
  "base64url-malformed": "must be base64url",
  "cors-origin-malformed": 'must be an origin like {example}, or "*"',
  "output-path-malformed": "must be {folder} or a path of plain names below it",
  "key-name-reserved": "must not begin with {prefix}, as names of persons' keys do",
  "registry-user-with-colon": "must not contain a colon",
  "key-or-ticket-missing": "must have a key or a ticket",
});
