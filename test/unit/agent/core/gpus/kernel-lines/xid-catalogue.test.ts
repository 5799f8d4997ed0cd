/**
 * The catalogue of Xids: each number has an effect that is no milder than what NVIDIA asks for and than what was decided
 * before. NVIDIA's own table is not part of this repository; where its record lies beside the checkout all of it is held
 * against ours, else that test is left out and says so.
 */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type NvidiaAction,
  XID_CATALOGUE,
  type XidRow,
} from "@remotegpu/agent/core/gpus/kernel-lines/xid-catalogue";

const record = new URL("../../../../../../../shared/data/kernel-log/xid-catalog.tsv", import.meta.url);
const isRecorded = existsSync(record);
if (!isRecorded) console.log(`left out: the recorded catalogue of Xids is not at ${record.pathname}`);

/** How much an effect closes. A program's fault closes as little as a note. */
const STRICTNESS = {
  ignore: 0,
  note: 1,
  "program-fault": 1,
  drain: 2,
  reset: 3,
  reboot: 4,
  replace: 5,
} as const satisfies Record<XidRow["effect"], number>;

/** The mildest that does what the action asks for. */
const LEAST: Record<NonNullable<NvidiaAction>, XidRow["effect"]> = {
  IGNORE: "ignore",
  RESTART_APP: "program-fault",
  CONTACT_SUPPORT: "note",
  UPDATE_SWFW: "note",
  CHECK_UVM: "drain",
  CHECK_MECHANICALS: "drain",
  RESET_GPU: "reset",
  RESTART_VM: "reboot",
  RESTART_BM: "reboot",
  WORKFLOW_XID_45: "program-fault",
  WORKFLOW_XID_48: "drain",
  WORKFLOW_NVLINK_ERR: "drain",
  // Their lines are decoded and say what is asked for.
  WORKFLOW_NVLINK5_ERR: "note",
  XID_154: "note",
};
const leastOf = (action: NvidiaAction) => (action === null ? "note" : LEAST[action]);

/** What agents of before did: nothing, no new work, or the end of what held the card. */
const BEFORE: Record<number, "note" | "drain" | "reset"> = {
  ...Object.fromEntries([8, 13, 31, 32, 43, 45, 63, 68, 69, 92, 121].map((code) => [code, "note"])),
  ...Object.fromEntries([48, 64, 74, 94, 109, 136].map((code) => [code, "drain"])),
  ...Object.fromEntries([46, 62, 79, 95, 110, 119, 120, 140, 143].map((code) => [code, "reset"])),
};

test("has each of the 172 numbers once, in their order", () => {
  expect([...XID_CATALOGUE.keys()]).toEqual(Array.from({ length: 172 }, (_, at) => at + 1));
});

describe.each([...XID_CATALOGUE])("Xid %i", (code, row) => {
  test("is no milder than NVIDIA's action and than before", () => {
    const least = Math.max(STRICTNESS[leastOf(row.action)], STRICTNESS[BEFORE[code] ?? "ignore"]);

    expect(STRICTNESS[row.effect]).toBeGreaterThanOrEqual(least);
  });

  test("gives a reason where its effect closes more than the action requires, or no action is named", () => {
    const isOurs =
      row.action === null || STRICTNESS[row.effect] > Math.max(1, STRICTNESS[leastOf(row.action)]);

    expect(isOurs ? row.why : "It needs none.").toMatch(/^[A-Z].+\.$/);
    expect(row.meaning).not.toMatch(/\.$/);
  });
});

test.each([
  [14, "ignore"],
  [31, "program-fault"],
  [43, "program-fault"],
  [45, "program-fault"],
  [63, "note"],
  [48, "drain"],
  [74, "drain"],
  [94, "drain"],
  [171, "drain"],
  [64, "reset"],
  [109, "reset"],
  [119, "reset"],
  [167, "reset"],
  [79, "reboot"],
])("Xid %i is %s", (code, effect) => {
  expect(XID_CATALOGUE.get(code)?.effect).toBe(effect);
});

test("a number that NVIDIA does not use is a note that nobody understands", () => {
  const unused = [...XID_CATALOGUE].filter(([, row]) => row.isUnused);

  expect(unused.every(([, { effect, action }]) => effect === "note" && action === "CONTACT_SUPPORT")).toBe(
    true,
  );
  expect(unused).toHaveLength(61);
});

test("the operators' page has each number with its effect and meaning", () => {
  const page = readFileSync(
    new URL("../../../../../../control-plane/docs/operators/gpu-errors.md", import.meta.url),
    "utf8",
  );
  const rows = [...page.matchAll(/^\| ([\d, –]+) \| ([a-z-]+) \| (.+) \|$/gm)].flatMap(
    ([, codes = "", effect, meaning]) => codesOf(codes).map((code) => [code, { effect, meaning }] as const),
  );

  expect(rows.toSorted(([a], [b]) => a - b)).toEqual(
    [...XID_CATALOGUE].map(([code, { effect, meaning }]) => [code, { effect, meaning }]),
  );
});

/** "1–3, 7": each number. */
function codesOf(text: string): number[] {
  return text.split(", ").flatMap((part) => {
    const [first = 0, last = first] = part.split("–").map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}

describe.skipIf(!isRecorded)("NVIDIA's catalogue", () => {
  const rows = isRecorded
    ? readFileSync(record, "utf8")
        .replace(/\n$/, "")
        .split("\n")
        .slice(1)
        .map((line) => line.split("\t"))
    : [];

  test("has the numbers and actions that ours lists", () => {
    const recorded = rows.map(([code, , , action]) => [Number(code), action === "" ? null : action]);

    expect(recorded).toHaveLength(172);
    expect([...XID_CATALOGUE].map(([code, { action }]) => [code, action])).toEqual(recorded);
  });

  test("calls unused what ours does", () => {
    const unused = rows.filter(([, , text, action]) => text === "Unused" && action === "CONTACT_SUPPORT");

    expect([...XID_CATALOGUE].filter(([, row]) => row.isUnused).map(([code]) => code)).toEqual(
      unused.map(([code]) => Number(code)),
    );
  });
});
