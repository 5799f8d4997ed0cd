import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AutoscalingConfig,
  parseAutoscalingConfig,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/autoscaling-config";
import { NewInferenceServiceBody } from "@remotegpu/control-plane/server/http/inference/service-body";
import { inWords } from "../../../../../../support/reasons/in-words.ts";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { GIB } from "@remotegpu/shared/values/units";

const USUAL: AutoscalingConfig = {
  targets: { cpu: 80 },
  scaleDownDelayMs: 300_000,
  scaleToZeroAfterMs: null,
  isPaused: false,
};

describe("a config of autoscaling", () => {
  test.each<[string, Record<string, unknown> | null, Partial<AutoscalingConfig>]>([
    ["none", null, {}],
    ["an empty one", {}, {}],
    ["one with nothing but nulls", { target_qps: null, scale_to_zero_after: null }, {}],
    ["the usual one of before", { target_cpu: 80, target_qps: 1000 }, { targets: { cpu: 80, qps: 1000 } }],
    ["one target, which is then the only one", { target_in_flight: 0.5 }, { targets: { in_flight: 0.5 } }],
    ["no delay", { scale_down_delay: 0 }, { scaleDownDelayMs: 0 }],
    [
      "the longest delays",
      { scale_down_delay: 86_400, scale_to_zero_after: 86_400 },
      {
        scaleDownDelayMs: 86_400_000,
        scaleToZeroAfterMs: 86_400_000,
      },
    ],
    ["a pause", { paused: true }, { isPaused: true }],
    ["no pause", { paused: false }, {}],
  ])("%s is taken", (_what, given, expected) => {
    expect(parseAutoscalingConfig(given)).toEqual({ valid: true, config: { ...USUAL, ...expected } });
  });

  test.each<[Record<string, unknown>, RegExp]>([
    [
      { target_memory: 80 },
      /^autoscaling_config has no key "target_memory"; it may have target_cpu, .*, paused\.$/,
    ],
    [{ constructor: 1 }, /has no key "constructor"/],
    [{ target_cpu: 0 }, /^autoscaling_config\.target_cpu must be a number of percent .* at most 100\.$/],
    [{ target_cpu: 100.1 }, /target_cpu must be/],
    [{ target_qps: -1 }, /target_qps must be a number of requests a second, above 0/],
    [{ target_qps: "1000" }, /target_qps must be/],
    [{ target_in_flight: NaN }, /target_in_flight must be a number of requests at once/],
    [{ target_in_flight: Infinity }, /target_in_flight must be/],
    [{ scale_down_delay: -1 }, /scale_down_delay must be a whole number of seconds from 0 to 86400\.$/],
    [{ scale_down_delay: 1.5 }, /scale_down_delay must be/],
    [{ scale_to_zero_after: 0 }, /scale_to_zero_after must be a whole number of seconds from 1/],
    [{ scale_to_zero_after: 86_401 }, /scale_to_zero_after must be/],
    [{ paused: "yes" }, /paused must be true or false\.$/],
  ])("with %j is refused", (given, sentence) => {
    expect(inWords(parseAutoscalingConfig(given))).toEqual({
      valid: false,
      problems: [expect.stringMatching(sentence)],
    });
  });

  test.each([
    ["target_cpu", 100],
    ["target_qps", 1_000_000],
    ["target_in_flight", 1_000_000],
    ["scale_down_delay", 86_400],
    ["scale_to_zero_after", 86_400],
  ])("may have a %s of %i and no more, in an order as in a row", (name, most) => {
    const order = { name: "s", image: "i:1", version: "1", cpu: 1, memory: GIB };
    for (const value of [most, most + 1]) {
      const config = { [name]: value };

      const isOrdered = NewInferenceServiceBody.safeParse({ ...order, autoscaling_config: config }).success;

      expect([isOrdered, parseAutoscalingConfig(config).valid]).toEqual([value === most, value === most]);
    }
  });

  test("reports all that is wrong with it at once", () => {
    const parsed = parseAutoscalingConfig({ target_cpu: 200, speed: 3, paused: false });

    expect(parsed).toMatchObject({ valid: false, problems: { length: 2 } });
  });

  test("of any form is taken with a target or refused with sentences", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything()), (given) => {
        const parsed = parseAutoscalingConfig(given);
        const isReported = parsed.valid
          ? Object.keys(parsed.config.targets).length > 0
          : parsed.problems.every((problem) => /^autoscaling_config.*\.$/s.test(inEnglish(problem)));

        expect(isReported).toBe(true);
      }),
    );
  });
});
