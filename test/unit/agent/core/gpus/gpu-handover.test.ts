/** Which cards are looked at before anything new starts on them. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ContainerState, OwnedContainer } from "@remotegpu/agent/core/container/container";
import {
  afterList,
  afterCheck,
  isCheckDue,
  NO_HANDOVERS,
  unclearGpus,
  type Handovers,
} from "@remotegpu/agent/core/gpus/gpu-handover";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { aGpuReport } from "../../../../support/samples/reports/gpu-reports.ts";
import { RUNNING, containerOf, exited, gpu, key } from "../../../../support/samples/run-samples.ts";

const [A, B] = [gpu("a").uuid, gpu("b").uuid];
const CARDS = [A, B];
const on = (card: string, status: ContainerState = RUNNING, run = "run-1"): OwnedContainer =>
  containerOf(key({ run }), status, { gpus: [gpu(card)] });
/** A look that begins now and answers at once. */
const checked = (handovers: Handovers, cards: GpuUuid[] = CARDS) =>
  afterCheck(handovers, { cards, asOf: handovers.ends });
const unseen = (handovers: Handovers) =>
  [
    ...unclearGpus(
      CARDS.map((uuid) => aGpuReport({ uuid, strangers: [] })),
      handovers,
    ),
  ].map(([uuid]) => uuid);
/** Looked at, with these containers listed. */
const seenWith = (...containers: OwnedContainer[]) => checked(afterList(NO_HANDOVERS, containers));

test("before anybody has checked no card is clear, and a check is due", () => {
  const listed = afterList(NO_HANDOVERS, []);

  expect(unseen(listed)).toEqual(CARDS);
  expect(isCheckDue(listed)).toBe(true);
  expect(unseen(checked(listed))).toEqual([]);
});

test("a card that was idle at the last check is clear without another, however many lists come", () => {
  const lists = [[], [on("b")], [on("b")]];

  const after = lists.reduce(afterList, seenWith());

  expect(unseen(after)).toEqual([]);
  expect(isCheckDue(after)).toBe(false);
});

describe("a card that a container has left", () => {
  test.each<[string, OwnedContainer[], OwnedContainer[]]>([
    ["by ending", [on("a")], [on("a", exited(0))]],
    ["by being removed", [on("a")], []],
    [
      "by starting anew",
      [on("a")],
      [on("a", { state: "running", pid: 4712, startedAt: "2026-01-01T00:09:00Z" })],
    ],
    ["by coming and going between two lists", [], [on("a", exited(1))]],
    ["and another one has taken", [on("a")], [on("a", exited(0)), on("a", RUNNING, "run-2")]],
  ])("%s is checked once more", (_how, before, now) => {
    const left = afterList(seenWith(...before), now);

    expect(unseen(left)).toEqual([A]);
    expect(isCheckDue(left)).toBe(true);
    const after = checked(left);
    expect(unseen(afterList(after, now))).toEqual([]);
    expect(isCheckDue(after)).toBe(false);
  });

  test("is not cleared by a check that had begun before", () => {
    const asOf = seenWith(on("a")).ends;
    const left = afterList(seenWith(on("a")), []);

    const after = afterCheck(left, { cards: CARDS, asOf });

    expect(unseen(after)).toEqual([A]);
    expect(isCheckDue(after)).toBe(true);
  });

  test("is not cleared by an answer that lacks it, and nobody is queried out of turn for that", () => {
    const after = checked(afterList(seenWith(on("a")), []), [B]);

    expect(unseen(after)).toEqual([A]);
    expect(isCheckDue(after)).toBe(false);
  });
});

test.each<[string, OwnedContainer]>([
  ["was never started", on("a", { state: "created" })],
  ["is being removed and was not seen to run", on("a", { state: "removing" })],
  ["has no card", containerOf(key(), exited(0))],
])("a container that %s leaves no card", (_what, container) => {
  expect(unseen(afterList(seenWith(), [container]))).toEqual([]);
});

test("a card with a stranger is unclear for that, checked or not", () => {
  const stranger = { pid: 7, name: "Xorg", memoryMib: null };
  const gpus = [aGpuReport({ uuid: A, strangers: [stranger] }), aGpuReport({ uuid: B })];
  const why = { kind: "gpu-stranger", stranger };

  expect([...unclearGpus(gpus, seenWith())]).toEqual([[A, why]]);
  expect([...unclearGpus(gpus, NO_HANDOVERS)]).toEqual([
    [A, why],
    [B, { kind: "gpu-unseen" }],
  ]);
});

test("in any history a card is clear exactly if a check has begun after all that ran on it was listed as over", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("start" as const), card: fc.constantFrom("a", "b") }),
    fc.record({ kind: fc.constant("end" as const), which: fc.nat() }),
    fc.constantFrom({ kind: "list" as const }, { kind: "begin" as const }, { kind: "answer" as const }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (history) => {
      const containers: OwnedContainer[] = [];
      let handovers = NO_HANDOVERS;
      let isChecked = false;
      let checkedAsOf: number | null = null;
      // Each card that was left, from the end over the list that shows it to the look that began after that.
      let endedUnlisted: GpuUuid[] = [];
      let listed = new Set<GpuUuid>();
      let coveredByCheck = new Set<GpuUuid>();

      for (const one of history) {
        if (one.kind === "start") containers.push(on(one.card, RUNNING, `run-${containers.length}`));
        if (one.kind === "end") {
          const running = containers.filter(({ status }) => status.state === "running");
          const ending = running[one.which % Math.max(1, running.length)];
          if (ending !== undefined) {
            ending.status = exited(0);
            endedUnlisted.push(...ending.owner.gpus.map(({ uuid }) => uuid));
          }
        }
        if (one.kind === "list") {
          handovers = afterList(
            handovers,
            containers.map((container) => ({ ...container })),
          );
          for (const uuid of endedUnlisted) coveredByCheck.delete(uuid);
          listed = new Set([...listed, ...endedUnlisted]);
          endedUnlisted = [];
        }
        if (one.kind === "begin") {
          checkedAsOf = handovers.ends;
          coveredByCheck = new Set(listed);
        }
        if (one.kind === "answer" && checkedAsOf !== null) {
          handovers = afterCheck(handovers, { cards: CARDS, asOf: checkedAsOf });
          for (const uuid of coveredByCheck) listed.delete(uuid);
          isChecked = true;
          checkedAsOf = null;
        }
        expect(unseen(handovers)).toEqual(CARDS.filter((uuid) => !isChecked || listed.has(uuid)));
      }
    }),
  );
});
