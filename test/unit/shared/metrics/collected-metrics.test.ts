import { CollectedMetrics } from "@remotegpu/shared/metrics/collected-metrics";
import { expect, test } from "vitest";

test("a value that is not known has no sample, and a claim is 1 or 0", () => {
  const collected = new CollectedMetrics<string>();

  collected.add("agent_link_connected", true);
  collected.add("gpu_power_watts", null, { gpu: "a" });
  collected.add("gpu_power_watts", undefined, { gpu: "b" });
  collected.add("gpu_power_watts", 0, { gpu: "c" });

  expect(collected.samplesOf("agent_link_connected")).toEqual([{ labels: {}, value: 1 }]);
  expect(collected.samplesOf("gpu_power_watts")).toEqual([{ labels: { gpu: "c" }, value: 0 }]);
  expect(collected.samplesOf("agent_outbox_rows")).toEqual([]);
});

test("a family is there once it has a sample or a distribution", () => {
  const collected = new CollectedMetrics<string>();

  collected.add("hosts", null);
  collected.addAll("gpus", []);
  collected.add("gpus_free", 0);
  collected.distributions("durations", [{ labels: {}, cumulative: [], sum: 0, count: 0 }]);

  const there = ["hosts", "gpus", "gpus_free", "durations"].filter((family) => collected.has(family));
  expect(there).toEqual(["gpus_free", "durations"]);
});
