/** Whatever has reasons in it, with each of them in English: what a test compares with the sentences that people read. */
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { isReason } from "@remotegpu/control-plane/server/core/reasons/reason";

export function inWords(value: unknown): unknown {
  if (isReason(value)) return inEnglish(value);
  if (Array.isArray(value)) return value.map(inWords);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inWords(one)]));
}
