/** When a pull that somebody still wants is given up. */
import { expect, test } from "vitest";
import {
  isTooSlow,
  PULL_MS,
  QUEUED_MS,
  STALL_BEFORE_OTHERS_MS,
  STALL_MS,
  type PullClock,
} from "@remotegpu/agent/core/images/pull-bounds";
import { NOTHING_YET, progressAfter } from "@remotegpu/agent/core/images/pull-progress";

const layer = (status: string) => progressAfter(NOTHING_YET, { id: "l", status, current: 1, total: 2 });
const pull = (progress = NOTHING_YET, rest: Partial<PullClock> = {}): PullClock => ({
  progress,
  beganMs: 0,
  movedMs: 0,
  ...rest,
});

test.each([
  ["that never said a word", pull(), [], STALL_MS],
  ["whose layer stands still", pull(layer("Downloading")), [], STALL_MS],
  ["that moved a while ago", pull(layer("Downloading"), { movedMs: 7 }), [], 7 + STALL_MS],
  ["whose layers wait for the runtime", pull(layer("Waiting")), [], QUEUED_MS],
  ["that others wait behind", pull(layer("Downloading")), [pull(layer("Waiting"))], STALL_BEFORE_OTHERS_MS],
  ["beside others that load", pull(layer("Downloading")), [pull(layer("Downloading"))], STALL_MS],
  ["that is unpacked", pull(layer("Extracting")), [pull(layer("Waiting"))], PULL_MS],
  ["that moves on and on", pull(layer("Downloading"), { movedMs: PULL_MS - 1 }), [], PULL_MS],
])("a pull %s is given up in time", (_what, one, others, atMs) => {
  expect(isTooSlow(one, others, atMs - 1)).toBe(false);
  expect(isTooSlow(one, others, atMs)).toBe(true);
});
