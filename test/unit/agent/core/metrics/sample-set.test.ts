import { SampleSet } from "@remotegpu/agent/core/metrics/sample-set";
import { expect, test } from "vitest";

test("a value that is not known has no sample, and a claim is 1 or 0", () => {
  const samples = new SampleSet();

  samples.add("agent_link_connected", true);
  samples.add("gpu_power_watts", null, { gpu: "a" });
  samples.add("gpu_power_watts", undefined, { gpu: "b" });
  samples.add("gpu_power_watts", 0, { gpu: "c" });

  expect(samples.families).toEqual(["agent_link_connected", "gpu_power_watts"]);
  expect(samples.of("agent_link_connected")).toEqual([{ labels: {}, value: 1 }]);
  expect(samples.of("gpu_power_watts")).toEqual([{ labels: { gpu: "c" }, value: 0 }]);
  expect(samples.of("agent_outbox_rows")).toEqual([]);
});
