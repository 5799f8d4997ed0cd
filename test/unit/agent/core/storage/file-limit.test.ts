/** How many files a run may have, and when they are counted. */
import { expect, test } from "vitest";
import {
  countPauseMs,
  hasFewFiles,
  mayBeBeyond,
  mostFiles,
  tooManyFiles,
} from "@remotegpu/agent/core/storage/file-limit";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";

const room = (total: number, used = 0) => ({ total, used, free: total - used });

test.each([
  [5_000_000, 0, 5_000_000],
  [5_000_000, 100_000_000, 5_000_000],
  [5_000_000, 20_000_000, 5_000_000],
  [5_000_000, 1_000_001, 250_000],
  [0, 1_000, null],
])("a setting of %i on a file system that takes %i files → %s", (setting, total, most) => {
  expect(mostFiles(setting, room(total))).toBe(most);
});

test.each([
  [1_000, 1_000, false],
  [1_001, 1_000, true],
])("%i files of all on a file system, of which one may have %i → counted: %s", (used, most, isCounted) => {
  expect(mayBeBeyond(most, room(10_000, used))).toBe(isCounted);
});

test("a file system that does not report how many it has is counted", () => {
  expect(mayBeBeyond(1_000, room(0))).toBe(true);
});

test.each([
  [100, 0, 60_000],
  [100, 99, 60_000],
  [100, 100, 4_000],
  [10_000, 100, 100_000],
  [10_000, 0, 100_000],
])("after a count of %i ms and %i new files of 1,000 → again %i ms later", (tookMs, newFiles, pauseMs) => {
  expect(countPauseMs({ tookMs, newFiles, setting: 1_000 })).toBe(pauseMs);
});

test.each([
  [1_000, 970, 0.03, false],
  [1_000, 971, 0.03, true],
  [1_000, 1_000, 0, false],
  [0, 0, 0.03, false],
])("of %i files %i in use, a part of %f to be left free → few: %s", (total, used, freePart, isFew) => {
  expect(hasFewFiles(room(total, used), freePart)).toBe(isFew);
});

test("the sentence names the place and the number", () => {
  expect(textOf(tooManyFiles("folders", 5_000_000))).toBe(
    "Stopped: it has more than 5,000,000 files in code and output, which is the most that one may have on its host.",
  );
  expect(textOf(tooManyFiles("layer", 250_000))).toContain("250,000 files in its own file system,");
});
