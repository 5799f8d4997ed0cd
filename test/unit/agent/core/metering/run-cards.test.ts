/** Which cards a run holds, and what they say about its time. */
import { expect, test } from "vitest";
import type { CardState } from "@remotegpu/agent/core/gpus/gpu-health";
import {
  cardProof,
  cardsOfRuns,
  HELD_AT_MOST_MS,
  provenInBoot,
} from "@remotegpu/agent/core/metering/run-cards";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { containerOf, gpu, key, runId } from "../../../../support/samples/run-samples.ts";

type Card = Pick<CardState, "cordon" | "sign" | "lastGoodMs">;
const SIGN = { code: "requires-reset", reason: "why", isEvidence: true };
const good = (lastGoodMs: number | null): Card => ({ lastGoodMs, cordon: null, sign: null });
const cordoned = (lastGoodMs: number | null, kind: "drain" | "fatal"): Card => ({
  lastGoodMs,
  sign: null,
  cordon: { kind, sinceMs: 1, isGone: false, code: "code", reason: "why" },
});
const suspect = (lastGoodMs: number | null): Card => ({ ...cordoned(lastGoodMs, "drain"), sign: SIGN });
const silent = (lastGoodMs: number | null): Card => ({
  ...suspect(lastGoodMs),
  sign: { code: "no-answer", reason: "why", isEvidence: false },
});
const [a, b] = [gpu("a").uuid, gpu("b").uuid];
const NOW = 1_000_000;
/** So long ago that it does not matter. */
const watched = { nowMs: NOW, watchedSinceMs: 0 };
const bothOf = (first: Card, second: Card) =>
  new Map([
    [a, first],
    [b, second],
  ]);

test.each([
  ["both are good", good(NOW - 5), good(NOW - 2), { kind: "good", settledMs: NOW - 5 }],
  ["one drains", cordoned(NOW - 5, "drain"), good(NOW - 2), { kind: "good", settledMs: NOW - 5 }],
  ["one failed", good(NOW), cordoned(NOW - 9_000, "fatal"), { kind: "lost", lastGoodMs: NOW - 9_000 }],
  [
    "one failed that was never read well",
    good(NOW),
    cordoned(null, "fatal"),
    { kind: "lost", lastGoodMs: 0 },
  ],
  ["one shows a sign", good(NOW), suspect(NOW - 9_000), { kind: "suspect", lastGoodMs: NOW - 9_000 }],
  ["one shows a sign from the first on", good(NOW), suspect(null), { kind: "suspect", lastGoodMs: 0 }],
  [
    "one shows a sign and the other failed",
    cordoned(NOW - 3, "fatal"),
    suspect(NOW - 9_000),
    { kind: "lost", lastGoodMs: NOW - 9_000 },
  ],
  [
    "one shows a sign, and samples have not come for long",
    good(NOW),
    suspect(NOW - HELD_AT_MOST_MS * 10),
    { kind: "suspect", lastGoodMs: NOW - HELD_AT_MOST_MS * 10 },
  ],
  [
    "one is silent for as long as may be",
    silent(NOW - HELD_AT_MOST_MS),
    good(NOW),
    { kind: "suspect", lastGoodMs: NOW - HELD_AT_MOST_MS },
  ],
  [
    "one is silent for longer",
    silent(NOW - HELD_AT_MOST_MS - 1),
    good(NOW),
    { kind: "good", settledMs: null },
  ],
  [
    "one is silent for long and the other for a moment",
    silent(NOW - HELD_AT_MOST_MS - 1),
    silent(NOW - 10),
    { kind: "suspect", lastGoodMs: NOW - HELD_AT_MOST_MS - 1 },
  ],
  [
    "one is silent for long and the other shows a sign",
    silent(NOW - HELD_AT_MOST_MS - 1),
    suspect(NOW - 10),
    { kind: "suspect", lastGoodMs: NOW - HELD_AT_MOST_MS - 1 },
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
  expect(cardProof([a, b], bothOf(first, second), watched)).toEqual(proof);
});

test("samples of the agent's life before are waited for since this one checks", () => {
  const old = bothOf(good(7), good(NOW));
  const sinceMs = NOW - HELD_AT_MOST_MS;

  expect(cardProof([a, b], old, { nowMs: NOW, watchedSinceMs: sinceMs })).toEqual({
    kind: "good",
    settledMs: 7,
  });
  expect(cardProof([a, b], old, { nowMs: NOW, watchedSinceMs: sinceMs - 1 })).toEqual({
    kind: "good",
    settledMs: null,
  });
});

test("another run's failed card, or one that nobody has seen, proves nothing", () => {
  expect(cardProof([a], new Map([[b, cordoned(1, "fatal")]]), watched)).toEqual({
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

test.each([
  ["all were well", bothOf(good(1_000), good(2_000)), null],
  ["one showed a sign", bothOf(good(2_000), suspect(1_000)), 1_000],
  ["one had failed", bothOf(good(2_000), cordoned(1_500, "fatal")), 1_500],
  ["one had failed and was never read well", bothOf(good(2_000), cordoned(null, "fatal")), 0],
  [
    "of one nothing was heard for a while",
    bothOf(good(NOW), silent(NOW - HELD_AT_MOST_MS)),
    NOW - HELD_AT_MOST_MS,
  ],
  ["of one nothing was heard for too long", bothOf(good(NOW), silent(NOW - HELD_AT_MOST_MS - 1)), null],
  ["one only took nothing new", bothOf(good(2_000), cordoned(1_000, "drain")), null],
])("a boot that ended while %s proves time to its last good sample alone", (_what, cards, provenMs) => {
  expect(provenInBoot([a, b], cards, NOW)).toBe(provenMs);
});
