/** Claims of hosts against what is possible. */
import { checkClaim, type ClaimContext } from "@remotegpu/control-plane/server/core/ingest/usage-check";
import type { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { describe, expect, test } from "vitest";

const ZERO = Date.parse("2026-03-10T00:00:00Z");
const HOUR = 3_600_000;

const CONTEXT: ClaimContext = {
  hostId: "host-a",
  run: {
    hostId: "host-a",
    instanceId: "i-1",
    placementEpoch: 1,
    orderedAtMs: ZERO + HOUR,
    closedAtMs: null,
    proven: [],
  },
  boot: { utcAtZeroMs: ZERO, measuredAtMs: ZERO },
  receivedAtMs: ZERO + 2 * HOUR,
};

function claim(startMs: number, endMs: number, other: Partial<UsageEntry> = {}): UsageEntry {
  return {
    kind: "usage",
    runId: "r-1",
    instanceId: "i-1",
    placementEpoch: 1,
    bootId: "00000000-0000-4000-8000-000000000001",
    startMs,
    endMs,
    proof: "exact",
    final: false,
    wallEnd: "",
    ...other,
  } as UsageEntry;
}

/** 2 s and 500 parts per million of the two hours since the clocks were compared. */
const LATEST = 2 * HOUR + 2_000 + 3_600;
/** 2 s and 500 parts per million of the hour from then until the order. */
const EARLIEST = HOUR - 2_000 - 1_800;
/** What a run ordered an hour ago can have had: 2 s and 500 parts per million more than that hour. */
const MOST = HOUR + 2_000 + 1_800;

describe("what fits is accepted whole", () => {
  test.each([
    { name: "an hour inside", startMs: HOUR, endMs: 2 * HOUR },
    { name: "an empty interval", startMs: HOUR, endMs: HOUR },
    { name: "exactly at the tolerance's beginning", startMs: EARLIEST, endMs: EARLIEST + MOST },
    { name: "exactly at the tolerance's end", startMs: LATEST - MOST, endMs: LATEST },
  ])("$name", ({ startMs, endMs }) => {
    expect(checkClaim(claim(startMs, endMs), CONTEXT)).toEqual({
      verdict: "accepted",
      accepted: { fromMs: startMs, toMs: endMs },
    });
  });
});

describe("only the excess is set aside", () => {
  test("time that has not passed yet", () => {
    const decision = checkClaim(claim(2 * HOUR, LATEST + 5), CONTEXT);

    expect(decision).toMatchObject({ accepted: { fromMs: 2 * HOUR, toMs: LATEST }, excessMs: 5 });
  });

  test("time before the order", () => {
    const decision = checkClaim(claim(EARLIEST - 7, 2 * HOUR), CONTEXT);

    expect(decision).toMatchObject({ accepted: { fromMs: EARLIEST, toMs: 2 * HOUR }, excessMs: 7 });
  });

  test("a year", () => {
    const decision = checkClaim(claim(0, 365 * 24 * HOUR), CONTEXT);

    expect(decision).toMatchObject({
      verdict: "accepted-in-part",
      accepted: { fromMs: EARLIEST, toMs: EARLIEST + MOST },
    });
  });

  test("more than has passed since the order, with what was proven before", () => {
    const before = [{ fromMs: ZERO + HOUR - 3_000, toMs: ZERO + 2 * HOUR - 3_000 }];
    const run = CONTEXT.run === null ? null : { ...CONTEXT.run, proven: before };
    const decision = checkClaim(claim(HOUR, 2 * HOUR + 4_000), { ...CONTEXT, run });

    expect(decision).toMatchObject({ accepted: { fromMs: HOUR, toMs: 2 * HOUR - 3_000 + 3_800 } });
  });

  test("nothing of what is proven already", () => {
    const before = [{ fromMs: ZERO + HOUR, toMs: ZERO + 2 * HOUR + 3_800 }];
    const run = CONTEXT.run === null ? null : { ...CONTEXT.run, proven: before };

    expect(checkClaim(claim(HOUR, 2 * HOUR), { ...CONTEXT, run })).toMatchObject({ verdict: "accepted" });
  });

  test("drift counts from when the clocks were compared, however old the boot claims to be", () => {
    const boot = { utcAtZeroMs: ZERO - 20 * 365 * 24 * HOUR, measuredAtMs: CONTEXT.receivedAtMs };
    const latest = CONTEXT.receivedAtMs - boot.utcAtZeroMs;
    const decision = checkClaim(claim(latest - 60_000, latest + 60_000), { ...CONTEXT, boot });

    expect(decision).toMatchObject({ accepted: { fromMs: latest - 60_000, toMs: latest + 2_000 } });
  });

  test("time after the run was over, in rows that come later", () => {
    const run = CONTEXT.run === null ? null : { ...CONTEXT.run, closedAtMs: ZERO + HOUR + 60_000 };
    const decision = checkClaim(claim(HOUR + 50_000, 2 * HOUR), { ...CONTEXT, run });

    expect(decision).toMatchObject({
      accepted: { fromMs: HOUR + 50_000, toMs: HOUR + 60_000 + 2_000 + 1_830 },
    });
  });
});

describe("what cannot be is quarantined whole", () => {
  test.each([
    {
      name: "a run nobody ordered",
      entry: claim(HOUR, HOUR + 9),
      change: { run: null },
      reason: "unknown-run",
    },
    {
      name: "a run of another host",
      entry: claim(HOUR, HOUR + 9),
      change: { hostId: "host-b" },
      reason: "foreign-run",
    },
    {
      name: "another instance",
      entry: claim(HOUR, HOUR + 9, { instanceId: "i-2" as UsageEntry["instanceId"] }),
      change: {},
      reason: "wrong-placement",
    },
    {
      name: "another epoch",
      entry: claim(HOUR, HOUR + 9, { placementEpoch: 2 }),
      change: {},
      reason: "wrong-placement",
    },
    {
      name: "a boot never heard of",
      entry: claim(HOUR, HOUR + 9),
      change: { boot: null },
      reason: "unknown-boot",
    },
    {
      name: "time wholly in the future",
      entry: claim(3 * HOUR, 3 * HOUR + 9),
      change: {},
      reason: "over-claim",
    },
  ])("$name", ({ entry, change, reason }) => {
    expect(checkClaim(entry, { ...CONTEXT, ...change })).toEqual({
      verdict: "quarantined",
      excessMs: 9,
      reason,
    });
  });

  test("an interval that ends before it starts claims nothing", () => {
    expect(checkClaim(claim(HOUR + 9, HOUR), CONTEXT)).toEqual({
      verdict: "quarantined",
      excessMs: 0,
      reason: "backwards",
    });
  });
});
