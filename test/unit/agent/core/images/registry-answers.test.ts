/** What registries answer, as far as it says where a runtime is led. */
import { describe, expect, test } from "vitest";
import { pullReference } from "@remotegpu/agent/core/images/image-reference";
import {
  architectureOf,
  ofThisMachine,
  repositoryWithin,
  tokenServiceOf,
  tokenUrl,
} from "@remotegpu/agent/core/images/registry-answers";
import { DEFAULT_REGISTRY, registryOf } from "@remotegpu/shared/values/image-name";

describe("the service that gives tokens", () => {
  test.each([
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
      "https://auth.docker.io/token",
      "registry.docker.io",
    ],
    ['bearer Realm="https://a.example/t"', "https://a.example/t", null],
    [
      'Bearer service="s",scope="x",realm="https://a.example/t",error="invalid_token"',
      "https://a.example/t",
      "s",
    ],
  ])("of %s", (challenge, realm, service) => {
    expect(tokenServiceOf(challenge)).toEqual({ realm, service });
  });

  test.each(['Basic realm="x"', "", "Bearer", 'Bearer service="s"', 'Bearer realm=""'])(
    "is none in %j",
    (challenge) => {
      expect(tokenServiceOf(challenge)).toBeNull();
    },
  );

  test("gets a request for the repository, beside whatever its address contains", () => {
    const url = tokenUrl({ realm: "https://a.example/t?x=1", service: "s p" }, "team/app");

    expect(url?.href).toBe("https://a.example/t?x=1&service=s+p&scope=repository%3Ateam%2Fapp%3Apull");
    expect(tokenUrl({ realm: "no address", service: null }, "team/app")).toBeNull();
  });
});

describe("of several platforms", () => {
  const linux = (architecture: string) => ({ digest: architecture, platform: { os: "linux", architecture } });

  test.each([
    ["the machine's own", [linux("arm64"), linux("amd64")], "amd64"],
    [
      "none of another system",
      [{ digest: "w", platform: { os: "windows", architecture: "amd64" } }, linux("amd64")],
      "amd64",
    ],
    ["else the first", [linux("s390x"), linux("arm64")], "s390x"],
    ["the first that says nothing", [{ digest: "plain", platform: null }], "plain"],
    ["of none, none", [], null],
  ])("%s is taken", (_what, manifests, digest) => {
    expect(ofThisMachine(manifests, "amd64")).toBe(digest);
  });

  test("machines are called as images call them", () => {
    expect([architectureOf("x64"), architectureOf("arm64")]).toEqual(["amd64", "arm64"]);
  });
});

test.each([
  ["busybox", "library/busybox", "latest"],
  ["team/app:2", "team/app", "2"],
  ["docker.io/busybox", "library/busybox", "latest"],
  ["index.docker.io/team/app", "team/app", "latest"],
  ["ghcr.io/ada/train:2", "ada/train", "2"],
  ["GHCR.io/ada/train", "ada/train", "latest"],
  ["registry.example.com:5000/a/b/c:x", "a/b/c", "x"],
  [`ghcr.io/ada/train@sha256:${"0".repeat(64)}`, "ada/train", `sha256:${"0".repeat(64)}`],
])("the repository of %s is %s, and %s of it is wanted", (image, repository, wanted) => {
  const registry = registryOf(image) ?? "";

  expect(
    repositoryWithin(pullReference(image), { registry, isDefault: registry === DEFAULT_REGISTRY }),
  ).toEqual({
    repository,
    wanted,
  });
});
