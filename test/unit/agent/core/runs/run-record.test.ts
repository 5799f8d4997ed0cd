/** What stands in the journal before each action is carried out. */
import { describe, expect, test } from "vitest";
import {
  recordAfter,
  recordGroup,
  recordRemains,
  recordStarted,
  recordTrouble,
} from "@remotegpu/agent/core/runs/run-record";
import type { RunEnd } from "@remotegpu/agent/core/runs/action";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { HASH, at, gpu, key, recordOf } from "../../../../support/samples/run-samples.ts";

const desired = desiredOf("one");
const run = { instanceId: desired.instanceId, placementEpoch: 1, runId: desired.runId };
const GONE = { exitCode: null, outOfMemory: false, signal: null, finishedAt: null };
const end: RunEnd = { phase: "stopped", problem: null, detail: "over", exitCode: 0, orderedBy: "customer" };

describe("starts", () => {
  test("the first start makes a record without a container", () => {
    expect(recordAfter(null, { kind: "start", ...run, desired, attempt: 1 }, at(5))).toEqual({
      ...run,
      specHash: HASH,
      containerId: null,
      starts: 1,
      lastStart: at(5),
      gate: null,
      trouble: null,
      stop: null,
      end: null,
    });
  });

  test("a start clears the trouble before it and keeps the gate", () => {
    const before = recordOf(run, { trouble: { problem: "runtime-error", detail: "no" } });

    const after = recordAfter(before, { kind: "start", ...run, desired, attempt: 2 }, at(9));

    expect(after).toMatchObject({
      starts: 2,
      lastStart: at(9),
      trouble: null,
      gate: before.gate,
      containerId: null,
    });
  });

  test("a restart keeps its container", () => {
    const action = { kind: "restart", ...run, desired, containerId: "c", attempt: 3 } as const;

    expect(recordAfter(recordOf(run), action, at(9))).toMatchObject({ containerId: "c", starts: 3 });
    expect(recordAfter(null, action, at(9))).toMatchObject({ containerId: "c", starts: 3, gate: null });
  });

  test("one that brings back what had ended is counted; one that follows a failed start is not", () => {
    const ended = {
      exitCode: 137,
      outOfMemory: false,
      signal: "SIGKILL",
      finishedAt: "2026-01-01T00:01:00Z",
    };
    const again = { kind: "restart", ...run, desired, containerId: "c", attempt: 2 } as const;

    const first = recordAfter(recordOf(run), { ...again, ended }, at(9));
    const retried = recordAfter(first, { ...again, attempt: 3 }, at(10));
    const anew = recordAfter(retried, { kind: "start", ...run, desired, attempt: 4, ended: GONE }, at(11));

    expect(first?.restarts).toEqual({ count: 1, last: ended });
    expect(retried?.restarts).toEqual({ count: 1, last: ended });
    expect(anew?.restarts).toEqual({ count: 2, last: GONE });
  });

  test("how it went is written down", () => {
    const trouble = { problem: "runtime-error", detail: "no room" } as const;

    expect(recordTrouble(recordOf(run), trouble).trouble).toEqual(trouble);
    expect(
      recordStarted(recordOf(run, { trouble, containerId: null }), { containerId: "c", ...GIVEN }),
    ).toMatchObject({
      containerId: "c",
      trouble: null,
      holding: { containerId: "c", ...GIVEN, group: null },
    });
  });
});

const GIVEN = { network: "ws-1", gpus: [gpu("a")] };

describe("what is written once stays", () => {
  test("the gate opens once", () => {
    const action = { kind: "open-gate", ...run, containerId: "c", pid: 1, ...GIVEN } as const;

    expect(recordAfter(recordOf(run, { gate: null }), action, at(7))?.gate).toEqual(at(7));
    expect(recordAfter(recordOf(run, { gate: at(3) }), action, at(7))?.gate).toEqual(at(3));
  });

  test("the first stop's actor and the first end stay", () => {
    const stop = {
      kind: "stop",
      ...run,
      containerId: "c",
      cause: "ordered",
      orderedBy: "admin",
      detail: "x",
      graceSeconds: 1,
      isGraceOrdered: true,
    } as const;
    const first = { cause: "storage-exceeded", orderedBy: "limit", detail: "full" } as const;

    expect(recordAfter(recordOf(run), stop, at(0))?.stop).toEqual({
      cause: "ordered",
      orderedBy: "admin",
      detail: "x",
    });
    expect(recordAfter(recordOf(run, { stop: first }), stop, at(0))?.stop).toEqual(first);
    const later = { kind: "close-run", ...run, specHash: HASH, end: { ...end, detail: "later" } } as const;
    expect(recordAfter(recordOf(run, { end }), later, at(0))?.end).toEqual(end);
  });

  test("an adopted container makes a record only where there is none", () => {
    const action = { kind: "adopt", ...run, containerId: "c", specHash: HASH, ...GIVEN } as const;

    expect(recordAfter(null, action, at(7))).toMatchObject({
      containerId: "c",
      starts: 1,
      lastStart: null,
      gate: null,
      holding: { containerId: "c", ...GIVEN, group: null },
    });
    expect(recordAfter(recordOf(run), action, at(7))).toEqual(recordOf(run));
  });
});

test("a run that ended before it began has a record of its end", () => {
  const action = { kind: "close-run", ...run, specHash: HASH, end } as const;

  expect(recordAfter(null, action, at(7))).toMatchObject({ ...run, starts: 0, end });
});

test("a forgotten run has none; a removal, a refusal and held stops change nothing", () => {
  const record = recordOf(run);

  expect(recordAfter(record, { kind: "forget", ...run }, at(0))).toBeNull();
  expect(recordAfter(record, { kind: "remove", ...run, containerId: "c" }, at(0))).toBe(record);
  expect(recordAfter(record, { kind: "refuse", ...run, knownEpoch: 2, detail: "" }, at(0))).toBe(record);
  expect(recordAfter(record, { kind: "hold-stops", stops: 4, running: 5 }, at(0))).toBe(record);
  expect(
    recordAfter(null, { kind: "open-gate", ...key(), containerId: "c", pid: 1, ...GIVEN }, at(0)),
  ).toBeNull();
});

describe("what a container holds", () => {
  const note = { kind: "note-holding", ...run, containerId: "c", ...GIVEN } as const;

  test("is written down with its first process, and with the folder of its group", () => {
    const before = recordOf(run, { gate: null, holding: undefined });
    const opened = recordAfter(before, { ...note, kind: "open-gate", pid: 1 }, at(7));

    expect(opened?.holding).toEqual({ containerId: "c", ...GIVEN, group: null });
    expect(opened && recordGroup(opened, "/groups/c").holding?.group).toBe("/groups/c");
    expect(opened && recordGroup(opened, null)).toBe(opened);
  });

  test("keeps its folder while it is the same container, and no longer", () => {
    const known = recordOf(run, { holding: { containerId: "c", ...GIVEN, group: "/groups/c" } });

    expect(recordAfter(known, note, at(7))?.holding?.group).toBe("/groups/c");
    expect(recordAfter(known, { ...note, containerId: "d" }, at(7))?.holding).toEqual({
      containerId: "d",
      ...GIVEN,
      group: null,
    });
  });
});

test("what a container left is written once", () => {
  const first = { exitCode: 137, outOfMemory: true, signal: "SIGKILL", tail: "first" };

  const written = recordRemains(recordOf(run, { end }), first);

  expect(recordRemains(written, { ...first, tail: "second" }).remains).toEqual(first);
});
