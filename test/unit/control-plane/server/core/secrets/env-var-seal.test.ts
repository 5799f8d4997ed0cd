import { expect, test } from "vitest";
import { hiddenValues, isSealed } from "@remotegpu/control-plane/server/core/secrets/env-var-seal";
import { EnvVars } from "@remotegpu/shared/values/env-vars";

const SEALED = { key: "0a1b", sealed: "AAAA" };

test("names alone are listed in place of values, sealed or plain, and no order takes what stands for them", () => {
  const hidden = hiddenValues({ TOKEN: SEALED, PLAIN: "s3cret" });

  expect(hidden).toEqual({ TOKEN: { sealed: true }, PLAIN: { sealed: true } });
  expect(EnvVars.safeParse(hidden).success).toBe(false);
});

test.each([
  [{}, true],
  [{ A: SEALED, B: SEALED }, true],
  [{ A: SEALED, B: "" }, false],
])("of %j it is %s that all are sealed", (vars, expected) => {
  expect(isSealed(vars)).toBe(expected);
});
