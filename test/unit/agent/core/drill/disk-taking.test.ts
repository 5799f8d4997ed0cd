/** How much of a disk a drill takes. */
import { expect, test } from "vitest";
import { diskTaking } from "@remotegpu/agent/core/drill/disk-taking";

const BOUNDS = { freePart: 0.1, freeBytes: 50 };

test.each([
  ["half of the kept part is left", { freeBytes: 80, totalBytes: 100 }, 75],
  ["of a large disk half of the kept bytes", { freeBytes: 1_000, totalBytes: 10_000 }, 975],
  ["nothing is taken where less is free already", { freeBytes: 5, totalBytes: 100 }, 0],
])("%s", (_what, room, bytes) => {
  expect(diskTaking(room, BOUNDS)).toBe(bytes);
});

test("nothing is taken where the agent keeps nothing free", () => {
  expect(diskTaking({ freeBytes: 80, totalBytes: 100 }, { freePart: 0, freeBytes: 50 })).toBe(0);
});
