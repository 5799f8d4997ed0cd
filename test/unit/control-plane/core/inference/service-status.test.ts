import { expect, test } from "vitest";
import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/workload";
import { afterDeadline, afterReports, limitMs } from "@remotegpu/control-plane/core/inference/service-status";
import { anInstanceReport } from "../../../../support/samples/an-instance-report.ts";

test("a service answers from its first ready replica on", () => {
  const waiting = anInstanceReport({ rank: 0, state: "starting" });
  const ready = anInstanceReport({ rank: 1 });

  expect(afterReports("creating", [waiting])).toEqual({ kind: "stays" });
  expect(afterReports("creating", [waiting, ready])).toEqual({
    kind: "becomes",
    status: "running",
    reason: null,
  });
});

test("it has stopped when the last of its replicas has", () => {
  const over = anInstanceReport({ state: "stopped" });

  expect(afterReports("stopping", [over, anInstanceReport({ rank: 1 })])).toEqual({ kind: "stays" });
  expect(afterReports("stopping", [over, anInstanceReport({ rank: 1, state: "lost" })])).toEqual({
    kind: "becomes",
    status: "stopped",
    reason: null,
  });
});

test("a replica that ends leaves the service as it is", () => {
  expect(afterReports("running", [anInstanceReport({ state: "failed" })])).toEqual({ kind: "stays" });
});

test("what has a limit has a verdict, and nothing else", () => {
  for (const status of INFERENCE_SERVICE_STATUSES)
    expect(afterDeadline(status, "h1") !== null).toBe(limitMs(status) !== null);
});
