/**
 * Why a request was refused, as the audit log has it: the code, with the numbers. A text of a request may be what nobody may
 * keep or what could never be removed from the log (a name, an address, an amount of money), so no text is in it, whatever
 * its parameter is called.
 */
import type { AnyReason, CodeShapes, ParameterShape } from "@remotegpu/shared/reasons/parameters";
import { isReason, REASON_CODES } from "../reasons/reason.ts";

const SHAPES: CodeShapes = REASON_CODES;
/** In place of a text. */
const HIDDEN = "…";

export function auditReason({ code, params }: AnyReason): AnyReason {
  const visible = Object.entries(SHAPES[code] ?? {}).map(
    ([name, shape]) => [name, visibleValue(shape, params[name])] as const,
  );
  return { code, params: Object.fromEntries(visible) };
}

function visibleValue(shape: ParameterShape, value: unknown): unknown {
  switch (shape) {
    case "number":
    case "tenths":
    case "size":
    // Values that the API itself offers.
    case "choices":
      return value;
    case "text":
    case "id":
      return HIDDEN;
    case "names":
      return { names: [HIDDEN], more: 0 };
    case "alternatives":
      return [HIDDEN];
    case "hosts":
      return { hosts: [], more: 0 };
    case "phrase":
    case "sentence":
    case "whole":
      return isReason(value) ? auditReason(value) : null;
    case "phrases":
    case "sentences":
    case "all":
    case "wholes":
    case "items":
    case "opening":
      return Array.isArray(value) ? value.filter(isReason).map(auditReason) : [];
  }
}
