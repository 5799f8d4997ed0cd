/** A card's outage begins with a fault or its absence, and ends when its host finds it well. */
import {
  afterCardWord,
  type CardWord,
  cardWord,
} from "@remotegpu/control-plane/server/core/billing/broken-time/gpu-outage";
import { describe, expect, test } from "vitest";

const fatal = { kind: "fatal", sinceMs: 1 } as const;
const drain = { kind: "drain", sinceMs: 1 } as const;

test.each([
  ["a fault", { health: "unhealthy", cordon: fatal }, "failed"],
  ["a fault, whatever its health reads", { health: "healthy", cordon: fatal }, "failed"],
  ["a drain, under which work goes on", { health: "unhealthy", cordon: drain }, "unclear"],
  ["no cordon", { health: "healthy", cordon: null }, "well"],
  ["warnings only", { health: "degraded", cordon: null }, "well"],
  ["no readings", { health: "unknown", cordon: null }, "unclear"],
  [
    "a sign of failure that is not confirmed",
    { health: "unhealthy", cordon: drain, hasSign: true },
    "unclear",
  ],
  ["one that is", { health: "unhealthy", cordon: fatal, hasSign: true }, "failed"],
  [
    "a sign on a card that an administrator opened",
    { health: "healthy", cordon: null, hasSign: true },
    "unclear",
  ],
  ["an agent of before: well", { health: "healthy" }, "well"],
  ["an agent of before: unhealthy", { health: "unhealthy" }, "unclear"],
] as const)("reported with %s", (_name, reported, expected) => {
  expect(cardWord(reported)).toBe(expected);
});

describe("what a word makes of the outage", () => {
  const [none, failed, gone] = [null, { hasVanished: false }, { hasVanished: true }];

  test.each<[{ hasVanished: boolean } | null, CardWord, string, string]>([
    [none, "well", "stays", "stays"],
    [none, "unclear", "stays", "stays"],
    [none, "failed", "begins", "begins"],
    [none, "vanished", "begins", "begins"],
    [failed, "failed", "stays", "stays"],
    [failed, "unclear", "stays", "stays"],
    [failed, "vanished", "vanishes", "vanishes"],
    [failed, "well", "ends", "ends"],
    [gone, "vanished", "stays", "stays"],
    [gone, "failed", "stays", "stays"],
    [gone, "unclear", "stays", "stays"],
    // One that was sent before the report that lacks the card.
    [gone, "well", "stays", "ends"],
  ])("%j and %s: %s in a heartbeat, %s in a report", (open, word, inHeartbeat, inReport) => {
    expect(afterCardWord(open, word, "heartbeat")).toBe(inHeartbeat);
    expect(afterCardWord(open, word, "report")).toBe(inReport);
  });
});
