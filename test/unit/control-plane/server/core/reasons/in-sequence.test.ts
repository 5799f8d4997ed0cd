/** Reasons one after the other, and the lists of reasons that begin or end a sentence. */
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { inSequence } from "@remotegpu/control-plane/server/core/reasons/in-sequence";
import { asReported, type Reason } from "@remotegpu/control-plane/server/core/reasons/reason";
import { expect, test } from "vitest";

const ONE = asReported("It broke");
const OTHER: Reason = { code: "first-rank-ended", params: {} };

test("no reason is none, and one alone is itself", () => {
  expect(inSequence(null, null)).toBeNull();
  expect(inSequence(null, OTHER)).toBe(OTHER);
});

test("several stand one after the other, each as it is", () => {
  const both = inSequence(ONE, null, OTHER);

  expect(both && inEnglish(both)).toBe("It broke Rank 0 has ended; the others end with it.");
});

test("items have semicolons between them, and begin a sentence with a capital", () => {
  const ranks = [1, 2].map((rank): Reason => ({ code: "rank-frozen", params: { rank, host_name: "a" } }));

  expect(inEnglish({ code: "ranks-frozen", params: { ranks } })).toBe(
    "Rank 1 on host a is frozen; rank 2 on host a is frozen: it was paused from outside, and nothing in it goes on.",
  );
});
