import { describe, expect, test } from "vitest";
import {
  overdueReason,
  waitOf,
  WAIT_RULES,
} from "@remotegpu/control-plane/server/core/instances/placement-wait";
import { afterDeadline, limitMs } from "@remotegpu/control-plane/server/core/environments/environment-status";
import { ENVIRONMENT_STATUSES, INSTANCE_STATES } from "@remotegpu/shared/values/workload";

/** What a placement that is not gone may be at rest in: it runs as wanted, or its end is to be seen by the next report. */
const RESTING = new Set([
  "running ready",
  "running stopped",
  "running failed",
  "running lost",
  "stopped stopped",
  "stopped failed",
  "stopped lost",
]);

describe("every state of a placement", () => {
  const all = (["running", "stopped", "removed"] as const).flatMap((want) =>
    INSTANCE_STATES.map((state) => ({ want, state })),
  );
  const isRest = ({ want, state }: (typeof all)[number]) => RESTING.has(`${want} ${state}`);

  test.each(all.filter(isRest))("wanted $want and $state may stay as it is", (placement) => {
    expect(waitOf(placement)).toBeNull();
  });

  test.each(all.filter((one) => !isRest(one)))(
    "wanted $want and $state has a deadline, and somebody answers for it",
    (placement) => {
      expect(waitOf(placement)).toMatchObject({ limitMs: expect.any(Number), waitsFor: expect.any(String) });
    },
  );

  test("has one rule at most", () => {
    const pairs = WAIT_RULES.flatMap(({ want, states }) => states.map((state) => `${want} ${state}`));

    expect(new Set(pairs).size).toBe(pairs.length);
  });
});

test("every status of an environment that ends in -ing, but running, has a deadline and a next step", () => {
  for (const status of ENVIRONMENT_STATUSES) {
    const isForwarding = status.endsWith("ing") && status !== "running";
    expect([status, limitMs(status) !== null, afterDeadline(status, "a") !== null]).toEqual([
      status,
      isForwarding,
      isForwarding,
    ]);
  }
});

test.each(["start", "stop", "removal"] as const)("a late %s names which host and what to do", (wait) => {
  expect(overdueReason(wait, "gpu-7")).toEqual({
    code: `placement-${wait}-overdue`,
    params: { host_name: "gpu-7" },
  });
});
