/** When a disk is nearly full, when its writers are measured, and who is stopped for it. */
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import {
  diskState,
  goneBytes,
  largestWriter,
  LEAST_GONE_BYTES,
  LEAST_WRITTEN_BYTES,
  measurePauseMs,
  type Writer,
} from "@remotegpu/agent/core/storage/disk-guard";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import { describe, expect, test } from "vitest";
import { runId } from "../../../../support/samples/run-samples.ts";

const CHECK_MS = 4_000;

describe("a disk", () => {
  const bounds = { freePart: 0.03, freeBytes: 10 * GIB };
  const sights = (frees: readonly number[], totalBytes = 100 * GIB, everyMs = CHECK_MS) =>
    frees.map((freeBytes, index) => ({ atMs: index * everyMs, freeBytes, totalBytes }));

  test.each([
    ["exactly as much is free as is reserved", sights([3 * GIB]), "watched"],
    ["a byte less is free", sights([3 * GIB - 1]), "nearly-full"],
    ["four times as much is free", sights([12 * GIB]), "roomy"],
    ["a byte less than that is free", sights([12 * GIB - 1]), "watched"],
    ["of a large one the bytes count", sights([10 * GIB], 10_000 * GIB), "watched"],
    ["of a large one a byte less", sights([10 * GIB - 1], 10_000 * GIB), "nearly-full"],
    ["two checks took as much as would take it below", sights([11 * GIB, 8 * GIB, 5 * GIB]), "nearly-full"],
    ["a single burst took as much", sights([8 * GIB, 8 * GIB, 5 * GIB]), "watched"],
    ["a burst of before has ended", sights([8 * GIB, 5 * GIB, 5 * GIB]), "watched"],
    ["as much went in a minute", sights([11 * GIB, 8 * GIB, 5 * GIB], 100 * GIB, 60_000), "watched"],
    ["room came back since the last check", sights([2 * GIB, 1 * GIB, 13 * GIB]), "roomy"],
    ["nothing is left", sights([0]), "nearly-full"],
    ["it was not seen", [], "roomy"],
  ])("%s", (_, seen, state) => {
    expect(diskState(seen, bounds)).toBe(state);
  });

  test("whose guard is off is never nearly full, however fast it fills", () => {
    for (const off of [{ freePart: 0 }, { freeBytes: 0 }])
      for (const frees of [[0], [0, 0, 0], [4 * GIB, 2 * GIB, 0]])
        expect(diskState(sights(frees), { ...bounds, ...off })).toBe("roomy");
  });

  test("has lost what is missing from its highest", () => {
    expect(goneBytes(sights([5 * GIB, 8 * GIB, 6 * GIB]))).toBe(2 * GIB);
    expect(goneBytes(sights([5 * GIB, 6 * GIB]))).toBe(0);
    expect(goneBytes([])).toBe(0);
  });

  test.each([
    ["shrinks", { lostBytes: LEAST_GONE_BYTES, tookMs: 100 }, 20_000],
    ["stands", { lostBytes: LEAST_GONE_BYTES - 1, tookMs: 100 }, 120_000],
    ["shrinks and holds very much", { lostBytes: GIB, tookMs: 30_000 }, 300_000],
    ["stands and holds very much", { lostBytes: 0, tookMs: 30_000 }, 300_000],
  ])("that %s is measured with its pause", (_, measured, pauseMs) => {
    expect(measurePauseMs(measured)).toBe(pauseMs);
  });
});

describe("the writer that is stopped", () => {
  const writer = (name: string, change: Partial<Writer> = {}): Writer => ({
    runId: runId(name),
    kind: "environment",
    grownBytes: 0,
    writtenBytes: 0,
    isStopping: false,
    ...change,
  });
  const stopped = (writers: Writer[], gone: number) => largestWriter(writers, gone)?.runId ?? null;

  test("nobody, where nobody writes, however much went", () => {
    expect(stopped([], GIB)).toBeNull();
    expect(stopped([writer("idle")], GIB)).toBeNull();
    expect(stopped([writer("shrinking", { grownBytes: -GIB })], GIB)).toBeNull();
  });

  test("the one that grew most", () => {
    const writers = [
      writer("small", { grownBytes: 20 * MIB }),
      writer("growing", { grownBytes: GIB }),
      writer("unmeasured", { grownBytes: null }),
    ];

    expect(stopped(writers, GIB)).toBe("growing");
  });

  test("the largest of many that together took most, though none did alone", () => {
    const writers = ["a", "b", "c"].map((name, index) => writer(name, { grownBytes: GIB + index }));

    expect(stopped(writers, 3 * GIB)).toBe("c");
    expect(stopped(writers, 7 * GIB)).toBeNull();
  });

  test("the one that wrote what nobody's growth explains, and not who writes one file over and over", () => {
    const rewriting = writer("rewriting", { writtenBytes: 50 * GIB });
    const hiding = writer("hiding", { writtenBytes: 5 * GIB });
    const growing = writer("growing", { grownBytes: GIB, writtenBytes: GIB });

    expect(stopped([rewriting, growing], GIB)).toBe("growing");
    expect(stopped([hiding, growing], 4 * GIB)).toBe("hiding");
    // What the first wrote could be it just as well: then it is unclear who it was.
    expect(stopped([rewriting, hiding, growing], 4 * GIB)).toBeNull();
    expect(stopped([rewriting], 4 * GIB)).toBeNull();
  });

  test("one that was not measured yet, by what the kernel reports that it wrote", () => {
    const writers = [writer("new", { grownBytes: null, writtenBytes: GIB }), writer("idle")];

    expect(stopped(writers, GIB)).toBe("new");
  });

  test.each<[string, Writer[], number]>([
    ["a disk that has lost nothing", [writer("a", { grownBytes: GIB, writtenBytes: GIB })], 0],
    ["a disk that has lost little", [writer("a", { grownBytes: GIB })], LEAST_GONE_BYTES - 1],
    [
      "room that another host took",
      [writer("a", { grownBytes: 20 * MIB, writtenBytes: null }), writer("b", { writtenBytes: null })],
      100 * GIB,
    ],
    ["room that somebody took by reserving it", [writer("bystander", { writtenBytes: 20 * MIB })], GIB],
    ["room of which it wrote half", [writer("a", { writtenBytes: GIB / 2 })], GIB],
    ["room that it grew by half of", [writer("a", { grownBytes: GIB / 2 })], GIB],
    [
      "room that one took who is being stopped",
      [writer("a", { grownBytes: GIB, isStopping: true }), writer("b", { grownBytes: 20 * MIB })],
      GIB,
    ],
    [
      "room that one may have taken who is being stopped",
      [writer("a", { writtenBytes: GIB, isStopping: true }), writer("b", { writtenBytes: GIB })],
      GIB,
    ],
  ])("nobody, for %s", (_, writers, gone) => {
    expect(stopped(writers, gone)).toBeNull();
  });

  test.each([
    [LEAST_WRITTEN_BYTES - 1, null],
    [LEAST_WRITTEN_BYTES, "one"],
  ])("growth of %s bytes stops %s", (grownBytes, who) => {
    expect(stopped([writer("one", { grownBytes })], LEAST_GONE_BYTES)).toBe(who);
  });

  test("is notified of what it did, and no more than the disk has lost", () => {
    const detail = (change: Partial<Writer>, gone: number) =>
      textOf(largestWriter([writer("one", change)], gone)?.why ?? "");

    expect(detail({ grownBytes: 1.5 * GIB }, 2 * GIB)).toBe(
      "Stopped: the host's disk was nearly full and this environment wrote most: 1.5 GiB in the last minutes.",
    );
    expect(detail({ kind: "training", grownBytes: GIB }, 20 * MIB)).toBe(
      "Stopped: the host's disk was nearly full and this training job wrote most: 20 MiB in the last minutes.",
    );
  });
});
