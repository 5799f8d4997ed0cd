/** Which orders wait longest of their payer and workspace, and whose turn the starts of a pass were. */
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { expect, test } from "vitest";
import type { Sharing } from "@remotegpu/control-plane/server/core/queue/fair-share";
import { oldestOf, turnsOf } from "@remotegpu/control-plane/server/core/queue/oldest";
import { NOTHING } from "@remotegpu/control-plane/server/core/queue/share";

const NOW = 1_000_000;
const order = (id: string, payer: string, change: Partial<Sharing> = {}): Sharing => ({
  id,
  payer,
  workspace: `${payer}-home`,
  orderedAtMs: NOW,
  demand: NOTHING,
  ...change,
});

test("the oldest of each payer and workspace are those that came first, by id where they came at once, and may start", () => {
  const { ofPayers, ofWorkspaces } = oldestOf([
    order("later", "a", { orderedAtMs: NOW + 1 }),
    order("held", "a", { orderedAtMs: NOW - 1, heldBack: asReported("Waiting for price.") }),
    order("a2", "a"),
    order("a1", "a"),
    order("lab", "a", { workspace: "lab", orderedAtMs: NOW + 5 }),
    order("b", "b", { heldBack: null }),
  ]);

  expect([...ofPayers]).toEqual(["a1", "b"]);
  expect([...ofWorkspaces]).toEqual(["a1", "lab", "b"]);
});

test.each([
  { what: "the oldest, then the next", started: ["a0", "a1"], turns: [true, true] },
  { what: "a later one alone", started: ["a1"], turns: [false] },
  {
    what: "a later one, then the oldest, then the last",
    started: ["a1", "a0", "a2"],
    turns: [false, true, true],
  },
])("of starts in one pass it is reported whose turn they were: $what", ({ started, turns }) => {
  const line = ["a0", "a1", "a2"].map((id, at) => order(id, "a", { orderedAtMs: NOW + at }));
  const held = order("held", "a", { orderedAtMs: NOW - 1, heldBack: asReported("Waiting for price.") });
  const waiting = [held, ...line, order("b", "b", { orderedAtMs: NOW - 9 })];
  const of = (id: string) => waiting.filter((one) => one.id === id);

  expect(turnsOf(started.flatMap(of), waiting).map(({ isPayers }) => isPayers)).toEqual(turns);
});

test("what no host could take is nobody's oldest, and no start before it is out of turn", () => {
  const impossible = order("impossible", "a", { orderedAtMs: NOW - 9 });
  const waiting = [impossible, order("a0", "a"), order("a1", "a", { orderedAtMs: NOW + 1 })];
  const neverFits = (one: Sharing) => one === impossible;

  expect(oldestOf(waiting, neverFits)).toEqual({
    ofPayers: new Set(["a0"]),
    ofWorkspaces: new Set(["a0"]),
    neverFit: new Set(["impossible"]),
  });
  expect(turnsOf(waiting.slice(1), waiting, neverFits)).toEqual([
    { isPayers: true, isWorkspaces: true },
    { isPayers: true, isWorkspaces: true },
  ]);
});

test("the turns of a workspace are its own", () => {
  const waiting = [
    order("lab", "a", { workspace: "lab", orderedAtMs: NOW - 1 }),
    order("home", "a", { workspace: "home" }),
  ];

  expect(turnsOf(waiting.slice(1), waiting)).toEqual([{ isPayers: false, isWorkspaces: true }]);
});
