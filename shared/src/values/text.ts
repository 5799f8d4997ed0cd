/**
 * The one string schema everything from outside passes. U+0000 and lone surrogates pass zod and then break
 * Postgres, so they stop here.
 */
import { z } from "zod";
import { valueFailure } from "./value-failure.ts";

export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\u0000");
}

/** One character that is no control character. As a regular expression without a flag: a pattern in the OpenAPI document has none. */
export const NO_CONTROL_CHARACTER = String.raw`[^\u0000-\u001f\u007f-\u009f]`;
const DISPLAYABLE = new RegExp(`^${NO_CONTROL_CHARACTER}*$`);

/** Any storable text of at most `maxLength` UTF-16 units. */
export function text(maxLength: number) {
  return z.string().max(maxLength).refine(isStorable, valueFailure("text-malformed", {}));
}

/** A name a person reads in a table: not blank, no control characters, no blanks at its ends. */
export function displayText(maxLength: number) {
  return text(maxLength)
    .min(1)
    .regex(DISPLAYABLE, valueFailure("text-with-control-characters", {}))
    .refine((value) => value === value.trim(), valueFailure("text-with-outer-blanks", {}));
}
