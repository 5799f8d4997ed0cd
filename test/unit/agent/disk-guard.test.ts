/** When a disk is nearly full, and who is stopped for it. */
import { diskState, largestWriter, LEAST_WRITTEN_BYTES, type Writer } from "@remotegpu/agent/core/disk-guard";
import { GIB, MIB } from "@remotegpu/shared/units";
import { describe, expect, test } from "vitest";
import { runId } from "../../support/run-samples.ts";

describe("a disk", () => {
  const bounds = { freePart: 0.03, freeBytes: 10 * GIB };
  const disk = (freeBytes: number, totalBytes = 100 * GIB) => ({ freeBytes, totalBytes });

  test.each([
    ["exactly as much is free as is kept", disk(3 * GIB), null, "watched"],
    ["a byte less is free", disk(3 * GIB - 1), null, "nearly-full"],
    ["four times as much is free", disk(12 * GIB), null, "roomy"],
    ["a byte less than that is free", disk(12 * GIB - 1), null, "watched"],
    ["of a large one the bytes count", disk(10 * GIB, 10_000 * GIB), null, "watched"],
    ["of a large one a byte less", disk(10 * GIB - 1, 10_000 * GIB), null, "nearly-full"],
    ["what went since the last look would take it below", disk(5 * GIB), disk(8 * GIB), "nearly-full"],
    ["room came back since the last look", disk(13 * GIB), disk(1 * GIB), "roomy"],
    ["nothing is left", disk(0), null, "nearly-full"],
  ])("%s", (_, now, before, state) => {
    expect(diskState(now, before, bounds)).toBe(state);
  });

  test("whose guard is off is never nearly full", () => {
    expect(diskState(disk(0), null, { ...bounds, freePart: 0 })).toBe("roomy");
    expect(diskState(disk(0), disk(0), { ...bounds, freeBytes: 0 })).toBe("roomy");
  });
});

describe("the writer that is stopped", () => {
  const writer = (name: string, change: Partial<Writer> = {}): Writer => ({
    runId: runId(name),
    kind: "environment",
    grownBytes: 0,
    writtenBytes: 0,
    heldBytes: 0,
    ...change,
  });
  const stopped = (writers: Writer[], goneBytes: number) => largestWriter(writers, goneBytes)?.runId ?? null;

  test("nobody, where nobody writes, whoever holds most and however much went", () => {
    expect(stopped([], GIB)).toBeNull();
    expect(stopped([writer("idle", { heldBytes: 500 * GIB })], GIB)).toBeNull();
    expect(stopped([writer("shrinking", { grownBytes: -GIB, heldBytes: GIB })], GIB)).toBeNull();
  });

  test("the one that grew most, not the one that holds most", () => {
    const writers = [
      writer("large", { heldBytes: 500 * GIB, grownBytes: 20 * MIB }),
      writer("growing", { heldBytes: 2 * GIB, grownBytes: GIB }),
    ];

    expect(stopped(writers, GIB)).toBe("growing");
  });

  test("the one that wrote what nobody's growth explains, and not who writes one file over and over", () => {
    const rewriting = writer("rewriting", { writtenBytes: 50 * GIB });
    const hiding = writer("hiding", { writtenBytes: 5 * GIB });
    const growing = writer("growing", { grownBytes: GIB, writtenBytes: GIB });

    expect(stopped([rewriting, growing], GIB)).toBe("growing");
    expect(stopped([hiding, growing], 4 * GIB)).toBe("hiding");
    // What the first wrote could be it just as well.
    expect(["rewriting", "hiding"]).toContain(stopped([rewriting, hiding, growing], 4 * GIB));
  });

  test("one that was not measured yet, by what the kernel says that it wrote", () => {
    const writers = [
      writer("new", { grownBytes: null, heldBytes: null, writtenBytes: GIB }),
      writer("idle", { heldBytes: 9 * GIB }),
    ];

    expect(stopped(writers, GIB)).toBe("new");
  });

  test("of those that took little, the one that holds most of those that write", () => {
    const writers = [
      writer("idle", { heldBytes: 500 * GIB }),
      writer("small", { heldBytes: GIB, writtenBytes: LEAST_WRITTEN_BYTES }),
      writer("large", { heldBytes: 9 * GIB, writtenBytes: LEAST_WRITTEN_BYTES }),
      writer("barely", { heldBytes: 50 * GIB, writtenBytes: LEAST_WRITTEN_BYTES - 1 }),
    ];

    expect(stopped(writers, 0)).toBe("large");
  });

  test.each([
    [LEAST_WRITTEN_BYTES - 1, null],
    [LEAST_WRITTEN_BYTES, "one"],
  ])("growth of %s bytes stops %s", (grownBytes, who) => {
    expect(stopped([writer("one", { grownBytes, heldBytes: grownBytes })], grownBytes)).toBe(who);
  });

  test("is told what it did", () => {
    const detail = (change: Partial<Writer>, goneBytes: number) =>
      largestWriter([writer("one", change)], goneBytes)?.detail;

    expect(detail({ grownBytes: 1.5 * GIB }, 2 * GIB)).toBe(
      "Stopped: the host's disk was nearly full and this environment wrote most: 1.5 GiB in the last minutes.",
    );
    expect(detail({ kind: "training", heldBytes: 20 * MIB, grownBytes: 1 }, 1)).toBe(
      "Stopped: the host's disk was nearly full and this training job wrote most: it holds 20 MiB.",
    );
  });
});
