import type { Instance } from "@remotegpu/control-plane/client/generated/api.schemas";
import { answer } from "../../../../support/http/answer.ts";
import { foundText } from "@remotegpu/control-plane/cli/work/found-text";
import { expect, test } from "vitest";

const WELL = { check: "clock", is_passed: true, detail: "Good.", address: null };
const BAD = { check: "network", is_passed: false, detail: "No answer.", address: "10.224.0.129" };

test.each([
  ["starts alone", { gang: null }, ""],
  ["is reported by a server of before", {}, ""],
  ["is held and nothing is checked yet", { gang: { findings: [], cut_off: [] } }, ""],
  ["is held and well", { gang: { findings: [WELL], cut_off: [] } }, "all well"],
  ["is held and not well", { gang: { findings: [WELL, BAD, BAD], cut_off: [] } }, "No answer. No answer."],
  [
    "runs and is cut off",
    { gang: { findings: [], cut_off: ["10.224.0.129", "10.224.0.130"] } },
    "hears nothing from 10.224.0.129, 10.224.0.130",
  ],
  ["is frozen", { gang: null, frozen_since: "2026-03-10T03:00:00Z" }, "is frozen"],
  [
    "does nothing",
    {
      idle: {
        processes: [
          { name: "python3", state: "S", waits_in: "futex_wait_queue", count: 2 },
          { name: "sh", state: "R", waits_in: null, count: 1 },
        ],
      },
    },
    "does nothing: 2 python3 (S in futex_wait_queue), 1 sh (R)",
  ],
])("an instance that %s", (_what, row, text) => {
  expect(foundText(answer<Instance>(row))).toBe(text);
});
