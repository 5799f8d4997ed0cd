import { expect, test } from "vitest";
import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/values/workload";
import { afterDeadline, limitMs } from "@remotegpu/control-plane/server/core/inference/service-status";

test("what has a limit has a verdict, and nothing else", () => {
  for (const status of INFERENCE_SERVICE_STATUSES)
    expect(afterDeadline(status, "h1") !== null).toBe(limitMs(status) !== null);
});

test("one that is being made may wait for places as long as it likes", () => {
  expect(limitMs("creating")).toBeNull();
});
