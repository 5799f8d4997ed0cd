/** By which rules time of a workload is not charged, as the command says it. */
import type { InstanceRun, WorkloadWaiver } from "@remotegpu/control-plane/client/generated/api.schemas";
import { answer } from "../../../../support/http/answer.ts";
import { describe, expect, test } from "vitest";
import { waivedText, waiversText } from "@remotegpu/control-plane/cli/work/waivers-text";

const STOP = {
  waive_from: "2026-03-10T03:10:00Z",
  waive_reason: "stop-by-rule: ordered by control-plane",
};

describe("a workload's waivers", () => {
  test("are its rules with their runs, and what is free at this moment with its price", () => {
    const waivers = [
      { rule: "loading", runs: 3, runs_now: 1, rate_now: "6.6000" },
      { rule: "stop-by-person", runs: 1, runs_now: 0, rate_now: "0.0000" },
    ];

    expect(waiversText({ waivers })).toBe(
      "loading: 3 runs, 1 of them now (6.6000 an hour); stop-by-person: 1 run",
    );
  });

  test.each([[{}], [{ waivers: null }], [{ waivers: [] }]])("are left out of %j", (row) => {
    expect(waiversText(answer<{ waivers: WorkloadWaiver[] | null }>(row))).toBeNull();
  });
});

describe("a run's time that is not charged", () => {
  test("is reported with each rule once", () => {
    const waived = [{ reason: "loading" }, { reason: "loading" }, { reason: "gpu-lost" }];

    expect(waivedText(answer<InstanceRun>({ waived_ms: 600_000, waived }))).toBe("10 min: loading; gpu-lost");
  });

  test.each([
    [
      "names the stop that it ran beyond",
      "2026-03-10T03:12:00Z",
      `since ${STOP.waive_from} ${STOP.waive_reason}`,
    ],
    ["does not name a stop before which it ended", "2026-03-10T03:10:00Z", "loading"],
  ])("%s", (_title, last_proven_at, expected) => {
    const waived = [{ reason: "loading" }];
    const text = waivedText(answer<InstanceRun>({ waived_ms: 60_000, waived, last_proven_at, ...STOP }));

    expect(
      text
        ?.split("; ")
        .at(-1)
        ?.replace(/^1 min: /, ""),
    ).toBe(expected);
  });

  test("is nothing where all is charged", () => {
    expect(waivedText(answer<InstanceRun>({ waived_ms: 0, ...STOP }))).toBeNull();
  });
});
