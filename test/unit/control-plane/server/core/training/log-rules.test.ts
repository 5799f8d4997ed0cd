import { type LogRule, ruleFor } from "@remotegpu/control-plane/server/core/training/log-rules";
import { expect, test } from "vitest";

const RULES: LogRule[] = [
  { name: "card", text: "ECC error", action: "avoid_host" },
  { name: "typo", text: "SyntaxError", action: "do_not_retry" },
  { name: "dots", text: "a.c", action: "do_not_retry" },
];

test.each([
  [["epoch 3\nan ECC error on GPU 0\n"], "card"],
  [["fine", "SyntaxError: x"], "typo"],
  [["SyntaxError after an ECC error"], "card"],
  [["ecc error"], null],
  [["abc"], null],
  [["a.c"], "dots"],
  [[""], null],
  [[], null],
])("of the outputs %j the rule is %j", (tails, name) => {
  expect(ruleFor(RULES, tails)?.name ?? null).toBe(name);
});
