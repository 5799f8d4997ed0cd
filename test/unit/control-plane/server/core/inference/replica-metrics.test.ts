/** Which types of a replica's page are passed on, and as what. */
import { expect, test } from "vitest";
import { metricsType } from "@remotegpu/control-plane/server/core/inference/replica-metrics";

test.each([
  ["text/plain", "text/plain; charset=utf-8"],
  ["Text/Plain; Version=0.0.4; charset=latin1", "text/plain; version=0.0.4; charset=utf-8"],
  [
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  ],
  ['text/plain; version="0\u0001"; boundary=x', "text/plain; charset=utf-8"],
  ["text/plain; version=00000000000", "text/plain; charset=utf-8"],
  ["text/html; charset=utf-8", null],
  ["text/plainer", null],
  ["application/json, text/plain", null],
  ["", null],
  [undefined, null],
])("%s is passed on as %s", (reported, passed) => {
  expect(metricsType(reported)).toBe(passed);
});
