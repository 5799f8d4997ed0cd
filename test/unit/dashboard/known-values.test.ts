import { expect, test } from "vitest";
import {
  hiddenNames,
  knownValues,
} from "../../../control-plane/dashboard/src/components/workload/known-values.ts";

test("variables are those with a value that was displayed, and those whose names alone are known", () => {
  const variables = { MODEL: "small", TOKEN: { sealed: true as const }, EMPTY: "" };

  expect(knownValues(variables)).toEqual({ MODEL: "small", EMPTY: "" });
  expect(hiddenNames(variables)).toEqual(["TOKEN"]);
  expect([hiddenNames({}), hiddenNames(null)]).toEqual([[], []]);
});
