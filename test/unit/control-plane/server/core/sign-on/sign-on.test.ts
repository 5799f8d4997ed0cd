/** What a login at the provider is refused with, on its way to the reader. */
import { SignOnError } from "@remotegpu/control-plane/server/core/sign-on/sign-on";
import { expect, test } from "vitest";

test("an error says the code alone, and carries its parameters and its cause beside it", () => {
  const cause = new Error("token eyJhbGciOi was not taken");
  const fault = { code: "sign-on-answer-invalid", params: { check: "subject" } } as const;

  const error = new SignOnError(fault, { cause });

  expect(error.message).toBe("sign-on-answer-invalid");
  expect(error.fault).toEqual(fault);
  expect(error.cause).toBe(cause);
});
