/** Who may use an image that is on a host. */
import { expect, test } from "vitest";
import { mayPullOver, mayUse, type PulledImage } from "@remotegpu/agent/core/images/image-rights";
import { termsOf } from "../../../../support/samples/desired-images.ts";

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

test.each([
  ["a name that leads nowhere here", "team/app:1", null, true],
  ["a name of what this agent pulled by it", "team/app:1", "ours", true],
  ["the same in another spelling", "docker.io/team/app:1", "ours", true],
  ["the same in a third one", "index.docker.io/team/app:1", "ours", true],
  ["a name that somebody gave to an image of his", "team/app:1", "theirs", false],
  ["the same in another spelling", "docker.io/team/app:1", "theirs", false],
  ["without its tag", "docker.io/library/python", "theirs", false],
  ["a name that somebody gave to an image of ours", "team/other:1", "ours", false],
  ["a content that a name leads to", `team/app@sha256:${"a".repeat(64)}`, "theirs", true],
])("%s may be pulled over: %s (%s)", (_what, image, imageId, may) => {
  const known: PulledImage[] = [{ ...pulled("ours", null), image: "team/app:1" }];

  expect(mayPullOver(image, imageId === null ? null : { imageId, cameFrom: [] }, known)).toBe(may);
});

test.each([
  ["python:3", ["python"], true],
  ["docker.io/library/python", ["python"], true],
  ["ghcr.io/acme/train:2", ["ghcr.io/acme/train"], true],
  ["team/app:1", ["python"], false],
])("%s, which came from %j by whomever's pull, may be pulled anew: %s", (image, cameFrom, may) => {
  expect(mayPullOver(image, { imageId: "theirs", cameFrom }, [])).toBe(may);
});
