/** What is told of a run as a rank of a gang. */
import { expect, test } from "vitest";
import type { RunId } from "@remotegpu/shared/values/ids";
import { ObservedInstance, type Finding } from "@remotegpu/shared/instance/instance";
import { withGangFacts, type GangFacts } from "@remotegpu/agent/core/gangs/gang-facts";

const RUN = "run-1" as RunId;
const finding: Finding = { check: "disk", isPassed: true, detail: "The host's disks have room." };
const reported = (phase: ObservedInstance["phase"], facts: GangFacts) => {
  const instance = ObservedInstance.parse({
    instanceId: "job-1-0",
    placementEpoch: 1,
    runId: RUN,
    phase,
    detail: "",
    problem: null,
    containerId: null,
    exitCode: null,
    gateOpenedMs: null,
    bootId: "6f4c1e3a-8f0b-4b7e-9a31-d2f6c5a4e9b0",
  });
  return withGangFacts([instance, { ...instance, runId: "run-2" as RunId }], new Map([[RUN, facts]]));
};

test("a held one has what was found of it, and no other run has", () => {
  const [rank, other] = reported("starting", { held: [finding] });

  expect(rank?.held).toEqual({ findings: [finding] });
  expect(other).not.toHaveProperty("held");
});

test("one that is stopped is held no more", () => {
  expect(reported("stopping", { held: [finding] })[0]).not.toHaveProperty("held");
});

test("one that was released has those that are out of its reach, if there are any", () => {
  expect(reported("ready", { cutOff: ["10.224.0.129"] })[0]?.cutOff).toEqual(["10.224.0.129"]);
  expect(reported("ready", { cutOff: [] })[0]).not.toHaveProperty("cutOff");
  expect(reported("stopped", { cutOff: ["10.224.0.129"] })[0]).not.toHaveProperty("cutOff");
});
