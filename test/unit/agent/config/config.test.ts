/** What the agent makes of its settings where they are more than a number. */
import { ConfigError, readConfig } from "@remotegpu/agent/config/config";
import { describe, expect, test } from "vitest";

describe("REMOTEGPU_METRICS_LISTEN", () => {
  const listenOf = (text: string) => readConfig({ REMOTEGPU_METRICS_LISTEN: text }).metricsListen;

  test.each([
    ["", { address: "127.0.0.1", port: 19_444 }],
    ["10.0.0.7:9100", { address: "10.0.0.7", port: 9_100 }],
    ["127.0.0.1:0", { address: "127.0.0.1", port: 0 }],
    ["[::1]:19444", { address: "::1", port: 19_444 }],
    ["off", null],
  ])("%j is %j", (text, listen) => {
    expect(listenOf(text)).toEqual(listen);
  });

  test.each([
    "on",
    "19444",
    "localhost:19444",
    "10.0.0.7",
    "10.0.0.256:1",
    "::1:19444",
    "10.0.0.7:65536",
    "[]:1",
  ])("%j is refused by name", (text) => {
    expect(() => listenOf(text)).toThrow(ConfigError);
    expect(() => listenOf(text)).toThrow(/^REMOTEGPU_METRICS_LISTEN: /);
  });
});
