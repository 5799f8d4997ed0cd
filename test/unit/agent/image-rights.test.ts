/** Who may use an image that is on a host. */
import { expect, test } from "vitest";
import { mayUse, type PulledImage } from "@remotegpu/agent/core/images/image-rights";
import { termsOf } from "../../support/image-wishes.ts";

const pulled = (imageId: string, credential: string | null): PulledImage => ({
  imageId,
  image: "x:1",
  credential,
  lastUsedMs: 0,
});

test.each([
  ["what everybody could pull, everybody may use", [pulled("one", null)], "cred-1", true],
  ["what was pulled with the same credential", [pulled("one", "cred-1")], "cred-1", true],
  ["what was pulled with another one", [pulled("one", "cred-2")], "cred-1", false],
  ["what was pulled with one, for an order without", [pulled("one", "cred-2")], null, false],
  ["what both have pulled", [pulled("one", "cred-2"), pulled("one", "cred-1")], "cred-1", true],
  ["another image of the same name", [pulled("two", "cred-1"), pulled("two", null)], "cred-1", false],
  ["what nobody pulled", [], "cred-1", false],
  ["what nobody pulled, for an order without credential", [], null, false],
])("%s: %s", (_what, images, credential, may) => {
  expect(mayUse("one", termsOf("ann", { credential }), images)).toBe(may);
});

test("what is on offer everybody may use", () => {
  expect(mayUse("one", termsOf("ann", { isOffered: true }), [pulled("one", "cred-2")])).toBe(true);
});

test("a control plane that knows no terms has all that is here", () => {
  expect(mayUse("one", undefined, [])).toBe(true);
});
