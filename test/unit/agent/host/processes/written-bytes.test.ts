/** What processes wrote between looks, counted so that no count ever falls or comes twice. */
import { WrittenCounter, type Written } from "@remotegpu/agent/host/processes/written-bytes";
import { expect, test } from "vitest";

function scene() {
  const processes = new Map<number, Written>();
  const counter = new WrittenCounter<string>((pid) => processes.get(pid) ?? null);
  return {
    counter,
    wrote: (pid: number, bytes: number, cancelledBytes = 0) => processes.set(pid, { bytes, cancelledBytes }),
    check: (...pids: number[]) => counter.check(new Map([["run", pids]])).get("run"),
  };
}

test("what was there before the first check counts nothing, what a new process of a known group wrote does", () => {
  const { wrote, check } = scene();
  wrote(1, 1_000);
  expect(check(1)).toBe(0);
  wrote(1, 1_500);
  wrote(2, 70);
  expect(check(1, 2)).toBe(570);
});

test("a group that was out of sight is not charged with all that it ever wrote", () => {
  const { counter, wrote, check } = scene();
  wrote(1, 1_000);
  check(1);
  counter.check(new Map());
  expect(check(1)).toBe(0);
});

test("a pause counts nothing, and no count falls by it", () => {
  const { counter, wrote, check } = scene();
  wrote(1, 0);
  check(1);
  wrote(1, 500);
  expect(check(1)).toBe(500);
  counter.pause();
  wrote(1, 9_000);
  expect(check(1)).toBe(500);
  wrote(1, 9_001);
  expect(check(1)).toBe(501);
});

test("what is taken back is not counted, and taking back makes nothing count anew", () => {
  const { wrote, check } = scene();
  wrote(1, 1_000);
  check(1);
  wrote(1, 1_000, 400);
  expect(check(1)).toBe(0);
  wrote(1, 1_300, 500);
  expect(check(1)).toBe(200);
});

test("a lower count is another process of that number", () => {
  const { wrote, check } = scene();
  wrote(1, 1_000);
  check(1);
  wrote(1, 300);
  expect(check(1)).toBe(300);
  expect(check()).toBe(300);
});
