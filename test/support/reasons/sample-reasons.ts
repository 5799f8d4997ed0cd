/** A reason of each code, with values of a test's choice. */
import type { AnyReason, CodeShape, ParameterShape } from "@remotegpu/shared/reasons/parameters";

/** A value of the shape that shows the number. */
export function sampleValue(shape: ParameterShape, nth: number): unknown {
  const name = String(nth);
  const nested: AnyReason = { code: "as-reported", params: { text: name } };
  switch (shape) {
    case "text":
    case "id":
      return name;
    case "number":
    case "tenths":
    case "size":
      return nth;
    case "names":
      return { names: [name], more: 0 };
    case "choices":
    case "alternatives":
      return [name];
    case "phrase":
    case "sentence":
    case "whole":
      return nested;
    case "phrases":
    case "sentences":
    case "all":
    case "wholes":
    case "items":
    case "opening":
      return [nested];
    case "hosts":
      return { hosts: [{ host_id: "h", host_name: name, reasons: [nested] }], more: 0 };
  }
}

/** @param valueAt the number in the parameter at this place */
export function sampleReason(code: string, shape: CodeShape, valueAt: (index: number) => number): AnyReason {
  const params = Object.entries(shape).map(([name, of], index) => [name, sampleValue(of, valueAt(index))]);
  return { code, params: Object.fromEntries(params) };
}
