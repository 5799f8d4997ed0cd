import { expect, test } from "vitest";
import { shareUrl, takeShareToken } from "@remotegpu/control-plane/server/core/gateway/share-token";

test.each([
  ["/", { token: null, path: "/" }],
  ["/a?b=1", { token: null, path: "/a?b=1" }],
  ["/?remotegpu_share=t", { token: "t", path: "/" }],
  ["/a?b=1&remotegpu_share=t&c=%20", { token: "t", path: "/a?b=1&c=%20" }],
  ["/?remotegpu_share=one&remotegpu_share=two", { token: "two", path: "/" }],
  ["/?remotegpu_share=", { token: "", path: "/" }],
  ["/?x_remotegpu_share=t", { token: null, path: "/?x_remotegpu_share=t" }],
  ["/remotegpu_share=t", { token: null, path: "/remotegpu_share=t" }],
])("of %s", (path, taken) => {
  expect(takeShareToken(path)).toEqual(taken);
});

test("what a share's address carries is taken out of it", () => {
  const origin = "https://8000-env-1.web.example.com";

  expect(takeShareToken(shareUrl(origin, "t").slice(origin.length))).toEqual({ token: "t", path: "/" });
});
