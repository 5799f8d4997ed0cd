import { expect, test } from "vitest";
import {
  readSealedSecret,
  sealedSecretText,
} from "@remotegpu/control-plane/server/core/secrets/webhook-seal";

test("what is sealed names its key, and is read as it was written", () => {
  const value = { key: "0a1b", sealed: "AA+/==" };

  expect(sealedSecretText(value)).toBe("sealed:0a1b:AA+/==");
  expect(readSealedSecret(sealedSecretText(value))).toEqual(value);
});

test.each(["whsec_abc", "", "Sealed:0a:AA"])("%j is plain", (stored) => {
  expect(readSealedSecret(stored)).toBeNull();
});

test.each(["sealed:", "sealed:0a1b"])("%j is sealed, and opens with no key", (stored) => {
  expect(readSealedSecret(stored)?.sealed).toBe("");
});
