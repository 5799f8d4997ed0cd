/** Free stretches: from the last good sample to the first good one again, whatever comes in which order. */
import {
  deathSpan,
  outageSpan,
  spansToWrite,
} from "@remotegpu/control-plane/server/core/billing/broken-time/broken-spans";
import {
  afterCardWord,
  type CardWord,
} from "@remotegpu/control-plane/server/core/billing/broken-time/gpu-outage";
import { UNREACHABLE_AFTER_MS } from "@remotegpu/control-plane/server/core/hosts/host-liveness";
import { type Interval, union } from "@remotegpu/control-plane/server/core/billing/proven-time";
import { array, assert, boolean, constantFrom, integer, property, tuple } from "fast-check";
import { describe, expect, test } from "vitest";

const spans = (pairs: readonly (readonly number[])[]): Interval[] =>
  pairs.map(([fromMs = 0, toMs = Infinity]) => ({ fromMs, toMs }));

describe("the death of a host", () => {
  const HEARD = 1_000_000;

  test.each([
    ["nothing is proven beyond the last heartbeat", HEARD - 5_000, HEARD],
    ["nothing is proven at all", null, HEARD],
    ["some seconds are proven beyond it", HEARD + 9_000, HEARD],
    ["just less is proven than makes a cut-off host", HEARD + UNREACHABLE_AFTER_MS - 1, HEARD],
    [
      "it was cut off first, and its work went on",
      HEARD + UNREACHABLE_AFTER_MS,
      HEARD + UNREACHABLE_AFTER_MS,
    ],
  ])("%s", (_name, provenToMs, fromMs) => {
    const died = { lastHeardMs: HEARD, provenToMs };

    expect(deathSpan({ ...died, readyAgainMs: HEARD + 600_000 })).toEqual({ fromMs, toMs: HEARD + 600_000 });
    expect(deathSpan({ ...died, readyAgainMs: null })).toEqual({ fromMs, toMs: Infinity });
  });
});

describe("what is still to be written", () => {
  test.each([
    { name: "nothing broke", broken: [], written: [], expected: [] },
    { name: "one that lasts on", broken: [[5]], written: [], expected: [[5]] },
    { name: "it is written already", broken: [[5]], written: [[5]], expected: [] },
    { name: "its end", broken: [[5, 9]], written: [[5]], expected: [[5, 9]] },
    { name: "all of it at once", broken: [[5, 9]], written: [], expected: [[5, 9]] },
    {
      name: "one of two that began together is over",
      broken: [[5, 9], [5]],
      written: [[5]],
      expected: [],
    },
    {
      name: "what comes up after the first had its end",
      broken: [
        [5, 9],
        [7, 12],
      ],
      written: [[5, 9]],
      expected: [[9, 12]],
    },
    { name: "one from before it", broken: [[5], [3]], written: [[5]], expected: [[3, 5]] },
    { name: "nothing shrinks", broken: [], written: [[5]], expected: [] },
  ])("$name", ({ broken, written, expected }) => {
    expect(spansToWrite(spans(broken), spans(written))).toEqual(spans(expected));
  });
});

/** As the database does: a stretch has the key of its beginning, and gets its end once. */
function write(written: Map<number, number>, plan: readonly Interval[]): void {
  for (const { fromMs, toMs } of plan) {
    const known = written.get(fromMs);
    if (known !== undefined && (known !== Infinity || toMs === Infinity))
      throw new Error(`the stretch from ${fromMs} was written twice`);
    written.set(fromMs, toMs);
  }
}

const asSpans = (written: ReadonlyMap<number, number>) =>
  [...written].map(([fromMs, toMs]) => ({ fromMs, toMs }));

test("samples at random: exactly from the last good to the next good one is free, each stretch written once", () => {
  const word = constantFrom<CardWord>("well", "failed", "vanished", "unclear");
  const histories = integer({ min: 1, max: 3 }).chain((cards) =>
    array(tuple(array(word, { minLength: cards, maxLength: cards }), boolean()), { maxLength: 25 }),
  );
  assert(
    property(histories, (rounds) => {
      const fleet = new SampledCards();
      const written = new Map<number, number>();

      for (const [round, [words, isPassed]] of rounds.entries()) {
        fleet.sample(words, (round + 1) * SAMPLE_MS);
        if (!isPassed && round < rounds.length - 1) continue;
        write(written, spansToWrite(fleet.outages.map(outageSpan), asSpans(written)));
        expect(lengthOf(asSpans(written))).toBe(lengthOf(union(asSpans(written))));
      }

      expect(union(asSpans(written))).toEqual(union(freeBySamples(rounds.map(([words]) => words))));
    }),
    { numRuns: 300 },
  );
});

const SAMPLE_MS = 10;

/** Cards as the store keeps them: when each was last well, and its outages. */
class SampledCards {
  readonly outages: { card: number; lastGoodMs: number; recoveredMs: number | null; hasVanished: boolean }[] =
    [];
  readonly #lastGood = new Map<number, number>();

  sample(words: readonly CardWord[], atMs: number): void {
    for (const [card, word] of words.entries()) {
      const open = this.outages.find((one) => one.card === card && one.recoveredMs === null) ?? null;
      const change = afterCardWord(open, word, "report");
      if (change === "begins") this.#begin(card, word);
      if (change === "vanishes" && open !== null) open.hasVanished = true;
      if (change === "ends" && open !== null) open.recoveredMs = atMs;
      if (word === "well") this.#lastGood.set(card, atMs);
    }
  }

  #begin(card: number, word: CardWord): void {
    const lastGoodMs = this.#lastGood.get(card) ?? 0;
    this.outages.push({ card, lastGoodMs, recoveredMs: null, hasVanished: word === "vanished" });
  }
}

/** What lasts on counts to a moment beyond all histories. */
function lengthOf(written: readonly Interval[]): number {
  return written.reduce((sum, { fromMs, toMs }) => sum + Math.min(toMs, FAR_MS) - fromMs, 0);
}

const FAR_MS = 1_000_000;

/** The same, looked up in the samples of each card and not by outages. */
function freeBySamples(rounds: readonly CardWord[][]): Interval[] {
  return (rounds[0] ?? []).flatMap((_word, card) => {
    const reported = rounds.map((words) => words[card]);
    return reported.flatMap((word, at) => {
      if (word !== "failed" && word !== "vanished") return [];
      const lastGood = reported.slice(0, at).lastIndexOf("well");
      const nextGood = reported.indexOf("well", at);
      return [
        {
          fromMs: lastGood === -1 ? 0 : (lastGood + 1) * SAMPLE_MS,
          toMs: nextGood === -1 ? Infinity : (nextGood + 1) * SAMPLE_MS,
        },
      ];
    });
  });
}
