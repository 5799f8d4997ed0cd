import { describe, expect, test } from "vitest";
import { STARTER_IMAGE } from "@remotegpu/control-plane/server/quickstart/starter-image";
import { canonicalImageName } from "@remotegpu/shared/values/image-name";

const ID = "0a".repeat(32);
const DIGEST = `sha256:${ID}`;

describe("an image", () => {
  test.each([
    [
      "docker.io/library/busybox:latest",
      ["busybox", "busybox:latest", "library/busybox", "docker.io/busybox"],
    ],
    [
      "docker.io/team/app:1",
      [
        "team/app:1",
        "docker.io/team/app:1",
        "index.docker.io/team/app:1",
        "registry-1.docker.io/team/app:1",
        "Docker.IO/team/app:1",
      ],
    ],
    ["ghcr.io/team/app:latest", ["ghcr.io/team/app", "GHCR.io/team/app:latest"]],
    ["registry.lan:5000/app:latest", ["registry.lan:5000/app"]],
    ["localhost/app:2", ["localhost/app:2"]],
    [
      `docker.io/library/app@${DIGEST}`,
      [`app@${DIGEST}`, `app:1@${DIGEST}`, `docker.io/library/app@${DIGEST}`],
    ],
    [DIGEST, [DIGEST, ID]],
  ])("is %s by all its spellings", (canonical, spellings) => {
    expect(new Set(spellings.map(canonicalImageName))).toEqual(new Set([canonical]));
    expect(canonicalImageName(canonical)).toBe(canonical);
  });

  test("is another one with another registry, folder, tag or digest", () => {
    const names = [
      "app",
      "app:1",
      "team/app",
      "library/team/app",
      "ghcr.io/app",
      "ghcr.io/library/app",
      `app@${DIGEST}`,
    ];

    expect(new Set(names.map(canonicalImageName)).size).toBe(names.length);
  });

  test("that is made without a registry has a name under which no stranger can publish one", () => {
    expect(canonicalImageName(STARTER_IMAGE)).toMatch(/^docker\.io\/library\/[^/]+$/);
  });
});
