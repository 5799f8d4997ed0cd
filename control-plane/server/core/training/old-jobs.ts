/**
 * What is said of training jobs that the old system had waiting: each waits until its people confirm or cancel it, and
 * one that lacks what no container can do without can only be cancelled.
 */
import type { Reason } from "../reasons/reason.ts";

/** In place of an image that the old system did not keep. */
export const NO_IMAGE = "unknown:migrated";

export const WAITS_FOR_CONFIRMATION =
  "The old system had it waiting: confirm it, and it waits for a place here, or cancel it.";

/** @param what the order would have to name */
export function neverStarts(what: "image" | "memory"): Reason {
  return { code: "never-starts-of-old-system", params: { what } };
}
