/** The catalogues of reasons: each code has a text in both languages, and each of its parameters stands in it. */
import { CHINESE } from "@remotegpu/control-plane/server/core/reasons/chinese/chinese";
import { ENGLISH } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { isReason, REASON_CODES } from "@remotegpu/control-plane/server/core/reasons/reason";
import type { AnyReason, CodeShape } from "@remotegpu/shared/reasons/parameters";
import { wordingOf } from "@remotegpu/shared/reasons/wording";
import { describe, expect, test } from "vitest";
import { sampleReason, sampleValue } from "../../../../../support/reasons/sample-reasons.ts";

const CODES: [string, CodeShape][] = Object.entries(REASON_CODES);
const LANGUAGES = [
  ["English", ENGLISH],
  ["Chinese", CHINESE],
] as const;

function sample(code: string, shape: CodeShape): AnyReason {
  return sampleReason(code, shape, (index) => index + 2);
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
          wordingOf({ code, params: { ...params, [name]: sampleValue(of, nth) } }, language) !==
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
