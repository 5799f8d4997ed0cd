import { expect, test } from "vitest";
import { INSTANCE_STATES } from "@remotegpu/shared/values/workload";
import {
  type InstanceReport,
  isOver,
  isPersons,
  stopCause,
} from "@remotegpu/control-plane/server/core/instances/instance-report";
import { inWords } from "../../../../../support/reasons/in-words.ts";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

test("stopped, failed and lost are over, and nothing else", () => {
  expect(INSTANCE_STATES.filter(isOver)).toEqual(["stopped", "failed", "lost"]);
});

test.each([
  ["customer", true],
  ["admin", true],
  ["account", true],
  ["control-plane", false],
  ["limit", false],
  [null, false],
] as const)("a stop by %s is a person's: %s", (context, isOne) => {
  expect(isPersons(context)).toBe(isOne);
});

test.each<[Pick<InstanceReport, "stopOrderedBy" | "stopReason">, string | null]>([
  [{ stopOrderedBy: "customer", stopReason: null }, null],
  [{ stopOrderedBy: null, stopReason: null }, null],
  [{ stopOrderedBy: "account", stopReason: null }, "Stopped because the account ran out of money."],
  [{ stopOrderedBy: "admin", stopReason: asReported("For repairs.") }, "For repairs."],
])("%j is reported as %j", (stop, sentence) => {
  expect(inWords(stopCause(stop))).toBe(sentence);
});
