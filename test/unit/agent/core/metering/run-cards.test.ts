/** Which cards a run holds, and what they say about its time. */
import { expect, test } from "vitest";
import type { CardState } from "@remotegpu/agent/core/gpus/gpu-health";
import { cardProof, cardsOfRuns, HELD_AT_MOST_MS } from "@remotegpu/agent/core/metering/run-cards";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { containerOf, gpu, key, runId } from "../../../../support/samples/run-samples.ts";

type Card = Pick<CardState, "cordon" | "lastGoodMs">;
const good = (lastGoodMs: number | null): Card => ({ lastGoodMs, cordon: null });
const cordoned = (lastGoodMs: number | null, kind: "drain" | "fatal"): Card => ({
  lastGoodMs,
  cordon: { kind, sinceMs: 1, isGone: false, reason: "why" },
});
const [a, b] = [gpu("a").uuid, gpu("b").uuid];
const NOW = 1_000_000;

test.each([
  ["both are good", good(NOW - 5), good(NOW - 2), { kind: "good", settledMs: NOW - 5 }],
  ["one drains", cordoned(NOW - 5, "drain"), good(NOW - 2), { kind: "good", settledMs: NOW - 5 }],
  ["one failed", good(NOW), cordoned(NOW - 9_000, "fatal"), { kind: "lost", lastGoodMs: NOW - 9_000 }],
  [
    "one failed and nobody knows since when",
    good(NOW),
    cordoned(null, "fatal"),
    { kind: "lost", lastGoodMs: NOW },
  ],
  ["no sample was taken yet", good(null), good(null), { kind: "good", settledMs: null }],
  [
    "the last sample is as old as may be",
    good(NOW - HELD_AT_MOST_MS),
    good(NOW),
    { kind: "good", settledMs: NOW - HELD_AT_MOST_MS },
  ],
  [
    "samples have not come for long",
    good(NOW - HELD_AT_MOST_MS - 1),
    good(NOW),
    { kind: "good", settledMs: null },
  ],
] as [string, Card, Card, object][])("%s", (_what, first, second, proof) => {
  expect(
    cardProof(
      [a, b],
      new Map([
        [a, first],
        [b, second],
      ]),
      NOW,
    ),
  ).toEqual(proof);
});

test("another run's failed card, or one that nobody has seen, says nothing", () => {
  expect(cardProof([a], new Map([[b, cordoned(1, "fatal")]]), NOW)).toEqual({
    kind: "good",
    settledMs: null,
  });
});

test("a run holds the cards of its order, and one that nobody orders those of its container's labels", () => {
  const ordered = desiredOf("x", { gpus: [gpu("a"), gpu("b", 1024)] }, key());
  const running = containerOf(key(), undefined, { gpus: [gpu("c")] });
  const stray = containerOf(key({ run: "run-2" }), undefined, { gpus: [gpu("d")] });

  expect(cardsOfRuns([ordered], [running, stray])).toEqual(
    new Map([
      [runId("run-1"), [a, b]],
      [runId("run-2"), [gpu("d").uuid]],
    ]),
  );
});
