import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { describe, expect, test } from "vitest";
import {
  ENVIRONMENT_STATUSES,
  INFERENCE_SERVICE_STATUSES,
  TRAINING_JOB_STATUSES,
  WORKLOAD_KINDS,
  type WorkloadKind,
} from "@remotegpu/shared/values/workload";
import { rulesOf, type WorkloadStatus } from "@remotegpu/control-plane/server/core/workloads/kinds";

const STATUSES: Record<WorkloadKind, readonly WorkloadStatus[]> = {
  environment: ENVIRONMENT_STATUSES,
  training: TRAINING_JOB_STATUSES,
  inference: INFERENCE_SERVICE_STATUSES,
};
const cases = WORKLOAD_KINDS.flatMap((kind) => STATUSES[kind].map((status) => ({ kind, status })));

describe("whatever the kind", () => {
  test.each(WORKLOAD_KINDS)("an %s that waits again or is hopeless has a status of its own kind", (kind) => {
    const rules = rulesOf(kind);

    expect(STATUSES[kind]).toContain(rules.waiting);
    // Null: what is hopeless of it is one start, and not all of it.
    expect([...STATUSES[kind], ...(rules.hasManyStarts ? [null] : [])]).toContain(
      rules.hopeless(rules.waiting),
    );
  });

  const limited = cases.filter(({ kind, status }) => rulesOf(kind).limitMs(status) !== null);
  test.each(limited)("$kind: a $status that has a limit reports what follows", ({ kind, status }) => {
    const verdict = rulesOf(kind).afterDeadline(status, "h1");

    expect(STATUSES[kind]).toContain(verdict?.status);
    expect(verdict && inEnglish(verdict.reason)).toMatch(/^[A-Z].*\.$/);
  });

  // With nothing left anywhere, what stops has stopped.
  const lasting = cases.filter(({ status }) => status !== "stopping");
  test.each(lasting)("$kind: nothing reported changes nothing of a $status", ({ kind, status }) => {
    expect(rulesOf(kind).afterReports(status, [])).toEqual({ kind: "stays" });
  });

  const stopping = cases.flatMap(({ kind, status }) => rulesOf(kind).stopping(status) ?? []);
  test("what a workload becomes while it stops has a limit", () => {
    expect(new Set(stopping)).toEqual(new Set(["stopping"]));
    expect(WORKLOAD_KINDS.map((kind) => rulesOf(kind).limitMs("stopping"))).not.toContain(null);
  });
});

test("ranks of a job start together, each replica of a service by itself", () => {
  expect([0, 1, 7].map((rank) => rulesOf("training").firstRank(rank))).toEqual([0, 0, 0]);
  expect([0, 1, 7].map((rank) => rulesOf("inference").firstRank(rank))).toEqual([0, 1, 7]);
});

test("a replica that can never start leaves a service alone that others serve", () => {
  expect(rulesOf("inference").hopeless("running")).toBeNull();
});
