import { expect, test } from "vitest";
import { LANES, sideBySide } from "../../support/suite/side-by-side.ts";

const part = (seconds: number) => ({ isSystem: false, seconds });
const system = (seconds: number) => ({ isSystem: true, seconds });

test("the longest come first, and a system begins when the one before it ends", () => {
  const order = sideBySide([part(1), system(20), part(30), part(10), part(20), system(40)]);

  expect(order).toEqual([system(40), part(30), part(20), part(10), part(1), system(20)]);
});

test("all come, whatever is there", () => {
  const systems = Array.from({ length: LANES + 1 }, () => system(5));

  expect(sideBySide(systems)).toHaveLength(systems.length);
  expect(sideBySide([part(1)])).toEqual([part(1)]);
  expect(sideBySide([])).toEqual([]);
});
