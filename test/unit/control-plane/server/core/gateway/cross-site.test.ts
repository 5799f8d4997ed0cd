import { expect, test } from "vitest";
import { isForeignSocket, isForged } from "@remotegpu/control-plane/server/core/gateway/cross-site";

const OWN = "https://8000-env-1.web.example.com";
const OTHER = "https://8000-env-2.web.example.com";
const page = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

test.each([
  ["POST", { origin: OWN, "sec-fetch-site": "same-origin" }, false],
  ["POST", { origin: OTHER, "sec-fetch-site": "same-site" }, true],
  ["POST", { origin: OTHER }, true],
  ["POST", { origin: "null" }, true],
  ["POST", { "sec-fetch-site": "cross-site", ...page }, true],
  ["POST", {}, false],
  ["GET", { "sec-fetch-site": "none", ...page }, false],
  ["GET", { "sec-fetch-site": "cross-site", ...page }, false],
  ["GET", { "sec-fetch-site": "same-site", ...page }, false],
  ["GET", { "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" }, true],
  ["GET", { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script" }, true],
  ["GET", { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors", origin: OTHER }, true],
  ["GET", {}, false],
] as const)("%s with %j is forged: %s", (method, headers, forged) => {
  expect(isForged(method, headers, OWN)).toBe(forged);
});

test.each([
  [{ origin: OWN }, "cookie", false],
  [{ origin: OTHER }, "cookie", true],
  [{ origin: OTHER }, "key", true],
  [{ origin: "null" }, "share", true],
  [{}, "cookie", true],
  [{}, "key", false],
  [{}, "share", false],
] as const)("a WebSocket with %j by %s is foreign: %s", (headers, by, foreign) => {
  expect(isForeignSocket(headers, OWN, by)).toBe(foreign);
});
