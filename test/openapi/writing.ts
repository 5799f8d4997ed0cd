/** Whether a new document may be written over the one that is kept. */
import type { ApiDocument } from "@remotegpu/control-plane/server/http/documentation/openapi-document";
import { narrowings } from "./narrowing.ts";
import type { Versions } from "./schema-narrowing.ts";

/** Taken from clients on purpose. */
export interface Narrowing {
  reason: string;
  narrowed: string[];
}

interface Writing {
  narrowed: string[];
  /** As it is to be kept beside the document; null where nothing may be written. */
  list: readonly Narrowing[] | null;
}

export function writing(
  documents: Versions<ApiDocument>,
  { reason = "", known }: { reason: string | undefined; known: readonly Narrowing[] },
): Writing {
  const narrowed = narrowings(documents);
  if (narrowed.length === 0) return { narrowed, list: known };
  return { narrowed, list: reason.trim() === "" ? null : [...known, { reason, narrowed }] };
}
