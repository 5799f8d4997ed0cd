import { HealthPath, Probe } from "@remotegpu/shared/instance/probe";
import { expect, test } from "vitest";

test.each([
  ["/", true],
  ["/health", true],
  ["/v1/models?deep=true&of=%20a", true],
  ["/..hidden/...", true],
  ["/%2ehidden", true],
  [`/${"x".repeat(1_023)}`, true],
  [`/${"x".repeat(1_024)}`, false],
  ["", false],
  ["health", false],
  ["http://169.254.169.254/latest", false],
  ["//169.254.169.254/latest", false],
  ["/\\169.254.169.254/latest", false],
  ["/health#part", false],
  ["/health HTTP/1.1", false],
  ["/health\r\nX: y", false],
  ["/health\n", false],
  ["/héalth", false],
  ["/nul\u0000", false],
  ["/..", false],
  ["/../etc", false],
  ["/a/./b", false],
  ["/a/..?b", false],
  ["/a/%2e%2E/b", false],
  ["/a/.%2e", false],
])("a health path %j is taken: %s", (path, isTaken) => {
  expect(HealthPath.safeParse(path).success).toBe(isTaken);
});

test.each([
  ["of before", {}, {}],
  ["with a grace and a bound of its own", { startupSeconds: 3_600 }, { restart: 100 }],
])("a probe %s comes through whole", (_what, more, thresholds) => {
  const output = {
    path: "/health",
    port: 80,
    intervalSeconds: 10,
    ...more,
    thresholds: { success: 1, failure: 2, ...thresholds },
  };

  expect(Probe.parse(output)).toEqual(output);
});

test("a probe without a path requests nothing but a connection", () => {
  const output = { path: null, port: 8000, intervalSeconds: 30, thresholds: { success: 1, failure: 2 } };

  expect(Probe.parse(output).path).toBeNull();
});
