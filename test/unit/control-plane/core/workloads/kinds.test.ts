import { describe, expect, test } from "vitest";
import {
  ENVIRONMENT_STATUSES,
  INFERENCE_SERVICE_STATUSES,
  TRAINING_JOB_STATUSES,
  WORKLOAD_KINDS,
  type WorkloadKind,
} from "@remotegpu/shared/workload";
import { rulesOf, type WorkloadStatus } from "@remotegpu/control-plane/core/workloads/kinds";

const STATUSES: Record<WorkloadKind, readonly WorkloadStatus[]> = {
  environment: ENVIRONMENT_STATUSES,
  training: TRAINING_JOB_STATUSES,
  inference: INFERENCE_SERVICE_STATUSES,
};
const cases = WORKLOAD_KINDS.flatMap((kind) => STATUSES[kind].map((status) => ({ kind, status })));

describe("whatever the kind", () => {
  test.each(WORKLOAD_KINDS)("an %s that waits again or is hopeless has a status of its own kind", (kind) => {
    const { waiting, hopeless } = rulesOf(kind);

    expect(STATUSES[kind]).toContain(waiting);
    expect(STATUSES[kind]).toContain(hopeless);
  });

  test.each(cases)(
    "$kind: a $status that has a limit says what follows, and who orders it",
    ({ kind, status }) => {
      const rules = rulesOf(kind);
      if (rules.limitMs(status) === null) return;

      const verdict = rules.afterDeadline(status, "h1");

      expect(STATUSES[kind]).toContain(verdict?.status);
      expect(verdict?.reason).toMatch(/^[A-Z].*\.$/);
    },
  );

  test.each(cases)("$kind: nothing reported changes nothing of a $status", ({ kind, status }) => {
    const transition = rulesOf(kind).afterReports(status, []);

    expect(["stays", "becomes"]).toContain(transition.kind);
    // With nothing left anywhere, what stops has stopped.
    if (transition.kind === "becomes") expect(status).toBe("stopping");
  });

  test.each(cases)("$kind: what a $status becomes while it stops has a limit", ({ kind, status }) => {
    const rules = rulesOf(kind);
    const to = rules.stopping(status);

    if (to !== null) expect(rules.limitMs(to)).toBeGreaterThan(0);
  });
});

test("ranks of a job start together, each replica of a service by itself", () => {
  expect([0, 1, 7].map((rank) => rulesOf("training").firstRank(rank))).toEqual([0, 0, 0]);
  expect([0, 1, 7].map((rank) => rulesOf("inference").firstRank(rank))).toEqual([0, 1, 7]);
});
