/** `service autoscale`: what it changes, and how it tells what was decided. */
import type { InferenceService } from "@remotegpu/control-plane/client/generated/api.schemas";
import { answer } from "../../../../../support/http/answer.ts";
import { expect, test } from "vitest";
import { printScaling, scalingChange } from "@remotegpu/control-plane/cli/work/inference/service-autoscale";

const ROW = {
  name: "chat",
  replicas: 2,
  min_replicas: 1,
  max_replicas: 8,
  autoscaling_config: { target_qps: 100, scale_down_delay: 60 },
  autoscaling_dry_run: false,
  autoscaling: {
    is_in_charge: true,
    request: 2,
    reason: "It stays at 2 replicas: there is work for 1.7.",
    decisions: [
      {
        at: "2027-01-01T00:09:00Z",
        from: 1,
        to: 2,
        actor: "autoscaling",
        would: false,
        reason: "It goes up.",
      },
      {
        at: "2027-01-01T00:08:00Z",
        from: 1,
        to: 2,
        actor: "autoscaling",
        would: true,
        reason: "It would go up.",
      },
    ],
  },
};

function linesOf(change: object): string[] {
  let text = "";
  const nowMs = Date.parse("2027-01-01T00:10:00Z");
  const output = {
    format: "table" as const,
    width: null,
    nowMs,
    write: (more: string) => void (text += more),
  };
  printScaling(output, answer<InferenceService>({ ...ROW, ...change }));
  return text.trimEnd().split("\n");
}

test("aims are changed one by one, though the API takes them as a whole; one that is off goes", () => {
  const config = { target_qps: 100, paused: true };

  expect(scalingChange({ target_cpu: 60, target_qps: null, max_replicas: 4 }, config)).toEqual({
    max_replicas: 4,
    autoscaling_config: { target_cpu: 60, paused: true },
  });
  expect(scalingChange({ target_in_flight: 4 }, null)).toEqual({
    autoscaling_config: { target_in_flight: 4 },
  });
  expect(scalingChange({ autoscaling_enabled: true }, config)).toEqual({ autoscaling_enabled: true });
  expect(scalingChange({ target_qps: undefined }, config)).toEqual({});
});

test("reports by what it scales, what was decided last, and what was done", () => {
  const [report, reason, , head, ...decisions] = linesOf({});

  expect([report, reason]).toEqual([
    "chat is to have 2 of 1 to 8 replicas, by its load (target_qps 100, scale_down_delay 60).",
    "It stays at 2 replicas: there is work for 1.7.",
  ]);
  expect(head).toMatch(/^at +replicas +by +why$/);
  expect(decisions).toEqual([
    expect.stringContaining("1 to 2 "),
    expect.stringContaining("1 to 2, not done "),
  ]);
});

test.each([
  [{ autoscaling_config: null }, "by its load (target_cpu 80)."],
  [{ autoscaling: null }, "as people say: autoscaling is off."],
  [{ autoscaling: { ...ROW.autoscaling, is_in_charge: false } }, "as people say: autoscaling is paused."],
  [
    { autoscaling: { ...ROW.autoscaling, is_in_charge: false }, autoscaling_dry_run: true },
    "as people say: autoscaling runs dry.",
  ],
])("of %j it reports that the number is %s", (change, report) => {
  expect(linesOf(change)[0]).toBe(`chat is to have 2 of 1 to 8 replicas, ${report}`);
});
