/** The catalogues of reasons: each code has a text in both languages, and each of its parameters stands in it. */
import { CHINESE } from "@remotegpu/control-plane/server/core/reasons/chinese/chinese";
import { ENGLISH } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { isReason, REASON_CODES } from "@remotegpu/control-plane/server/core/reasons/reason";
import type { AnyReason, CodeShape, ParameterShape } from "@remotegpu/shared/reasons/parameters";
import { wordingOf } from "@remotegpu/shared/reasons/wording";
import { describe, expect, test } from "vitest";

const CODES: [string, CodeShape][] = Object.entries(REASON_CODES);
const LANGUAGES = [
  ["English", ENGLISH],
  ["Chinese", CHINESE],
] as const;

/** A value of the shape, another for each `nth`. */
function valueOf(shape: ParameterShape, nth: number): unknown {
  const nested: AnyReason = { code: "as-reported", params: { text: `t${nth}` } };
  switch (shape) {
    case "text":
    case "id":
      return `x${nth}`;
    case "number":
    case "tenths":
      return nth;
    case "names":
      return { names: [`n${nth}`], more: 0 };
    case "alternatives":
      return [`n${nth}`];
    case "phrase":
    case "sentence":
      return nested;
    case "phrases":
    case "sentences":
    case "all":
      return [nested];
    case "hosts":
      return { hosts: [{ host_id: "h", host_name: `n${nth}`, reasons: [nested] }], more: 0 };
  }
}

function sample(code: string, shape: CodeShape): AnyReason {
  const params = Object.entries(shape).map(([name, of], index) => [name, valueOf(of, index + 2)]);
  return { code, params: Object.fromEntries(params) };
}

describe.each(LANGUAGES)("the %s catalogue", (_name, language) => {
  test("has a whole text for every code", () => {
    const texts = CODES.map(([code, shape]) => [code, wordingOf(sample(code, shape), language)] as const);

    expect(texts.filter(([, text]) => text === "" || /[{}]|undefined|NaN|\[object/.test(text))).toEqual([]);
  });

  test("shows every parameter, and none that is for programs", () => {
    const parameters = CODES.flatMap(([code, shape]) =>
      Object.entries(shape).map(([name, of]) => ({ name, of, reason: sample(code, shape) })),
    );
    const isShown = ({ name, of, reason: { code, params } }: (typeof parameters)[number]) =>
      [99, 1].some(
        (nth) =>
          wordingOf({ code, params: { ...params, [name]: valueOf(of, nth) } }, language) !==
          wordingOf({ code, params }, language),
      );

    expect(parameters.filter((one) => isShown(one) === (one.of === "id"))).toEqual([]);
    expect(parameters.length).toBeGreaterThan(80);
  });

  test("has no text for a code of another version", () => {
    expect(wordingOf({ code: "of-tomorrow", params: {} }, language)).toBe("");
  });
});

describe("a reason of another version", () => {
  test("is refused where a parameter is missing or of another shape", () => {
    const whole = CODES.map(([code, shape]) => sample(code, shape));
    const broken = whole.flatMap(({ code, params }) =>
      Object.keys(params).flatMap((name) => {
        const { [name]: _without, ...rest } = params;
        return [
          { code, params: rest },
          { code, params: { ...rest, [name]: null } },
        ];
      }),
    );

    expect(whole.filter((reason) => !isReason(reason))).toEqual([]);
    expect(broken.filter(isReason)).toEqual([]);
  });

  test.each([
    null,
    "host-cordoned",
    {},
    { code: "of-tomorrow", params: {} },
    { code: "toString", params: {} },
    { code: "host-cordoned" },
  ])("is refused: %j", (value) => {
    expect(isReason(value)).toBe(false);
  });

  test("is refused where a reason within it is of another version", () => {
    expect(
      isReason({ code: "waiting-for-price", params: { why: { code: "of-tomorrow", params: {} } } }),
    ).toBe(false);
  });
});
